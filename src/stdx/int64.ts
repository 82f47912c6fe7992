/** Exact signed 64-bit arithmetic for products that pass 2^53; wraps as int64 does. */

/** trunc(a × b / c) with a 64-bit wrapping product, as C++ evaluates `a * b / c` on int64; operands are exact doubles. */
export const mulDiv64 = (a: number, b: number, c: number): number => {
  const product = a * b;
  if (Number.isSafeInteger(product)) return Math.trunc(product / c);
  return Number(BigInt.asIntN(64, BigInt(a) * BigInt(b)) / BigInt(c));
};
