/** Exact signed 64-bit arithmetic for products that pass 2^53; wraps as int64 does. */

/** Doubles below this magnitude stand for products that certainly fit an int64, rounding included. */
const FITS_INT64 = 2 ** 63 - 2 ** 12;
/** Veltkamp's constant: splits a double into two halves of at most 27 bits. */
const SPLITTER = 2 ** 27 + 1;

/** The rounding error of `product = a * b`, exactly (Dekker's two-product). */
const productError = (a: number, b: number, product: number): number => {
  const aScaled = SPLITTER * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = SPLITTER * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
};

/** floor(a × b / c) for whole a, b ≥ 0, c > 0 whose quotient an exact double holds; no BigInt. */
const mulDivPositive = (a: number, b: number, c: number): number => {
  const product = a * b;
  const error = productError(a, b, product);
  let quotient = Math.floor(product / c);
  // The estimate is off by a unit or two at most; the exact remainder says by how many.
  for (;;) {
    const back = quotient * c;
    const remainder = product - back + (error - productError(quotient, c, back));
    if (remainder < 0) quotient -= 1;
    else if (remainder >= c) quotient += 1;
    else return quotient;
  }
};

/** trunc(a × b / c) with a 64-bit wrapping product, as C++ evaluates `a * b / c` on int64; operands are exact doubles. */
export const mulDiv64 = (a: number, b: number, c: number): number => {
  const product = a * b;
  if (Number.isSafeInteger(product)) return Math.trunc(product / c) + 0;
  const magnitude = Math.abs(product);
  if (magnitude < FITS_INT64 && magnitude / Math.abs(c) < 2 ** 52) {
    const quotient = mulDivPositive(Math.abs(a), Math.abs(b), Math.abs(c));
    return product < 0 !== c < 0 ? 0 - quotient : quotient;
  }
  return Number(BigInt.asIntN(64, BigInt(a) * BigInt(b)) / BigInt(c));
};
