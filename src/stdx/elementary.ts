/**
 * Logarithm, exponential, sine and cosine from additions, multiplications and divisions alone, which IEEE 754 fixes to
 * the bit. `Math.log` and its like are the C library's: their last bits change with its version and with the features
 * of the processor, and with them every schedule. Errors are below two units in the last place.
 */

const DOUBLE = new Float64Array(1);
const HALVES = new Uint32Array(DOUBLE.buffer);
/** Index of the half with sign, exponent and the upper fraction. */
const HIGH = new Uint8Array(Float64Array.of(1).buffer)[7] === 0 ? 0 : 1;

/** ln 2 in two parts: the first has so few digits that its products with exponents are exact. */
const LN2_HIGH = 0.693_147_180_369_123_8;
const LN2_LOW = 1.908_214_929_270_587_7e-10;

/** 2^k for −1022 ≤ k ≤ 1023. */
const powerOfTwo = (k: number): number => {
  HALVES[HIGH] = (k + 1023) << 20;
  HALVES[1 - HIGH] = 0;
  return DOUBLE[0] ?? 0;
};

const SQRT_HALF = Math.SQRT1_2;
const NORMAL_MIN = powerOfTwo(-1022);
const TWO_54 = powerOfTwo(54);

/** The natural logarithm of a number above 0; −Infinity of 0, NaN below. */
export const ln = (x: number): number => {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  if (x < NORMAL_MIN) return ln(x * TWO_54) - 54 * Math.LN2;
  DOUBLE[0] = x;
  const high = HALVES[HIGH] ?? 0;
  let k = (high >>> 20) - 1022;
  HALVES[HIGH] = (high & 0x000f_ffff) | (1022 << 20);
  let m = DOUBLE[0] ?? 0;
  if (m < SQRT_HALF) {
    m *= 2;
    k--;
  }
  // ln m = 2 artanh s for s = (m − 1) / (m + 1), |s| < 0.172: the next term of the series is below 2^-57 of the first.
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const low = z * (2 / 5 + z * (2 / 7 + z * (2 / 9 + z * (2 / 11 + z * tail(z)))));
  return k * LN2_HIGH + (2 * s + (s * z * (2 / 3 + low) + k * LN2_LOW));
};

const tail = (z: number): number =>
  2 / 13 + z * (2 / 15 + z * (2 / 17 + z * (2 / 19 + z * (2 / 21))));

const expTail = (r: number): number => 1 / 479_001_600 + r / 6_227_020_800;

/** e^x; 0 where the result is too small for a double with all its digits, Infinity where it is too large. */
export const exp = (x: number): number => {
  if (Number.isNaN(x)) return x;
  if (x > 709.782) return Number.POSITIVE_INFINITY;
  if (x < -708) return 0;
  const k = Math.round(x * Math.LOG2E);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  // The series to the 13th power; |r| ≤ ln 2 / 2, so that the next term is below 2^-57.
  const upper =
    1 / 40_320 + r * (1 / 362_880 + r * (1 / 3_628_800 + r * (1 / 39_916_800 + r * expTail(r))));
  const lower = 1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * upper)));
  const sum = r * (1 + r * (1 / 2 + r * (1 / 6 + r * lower)));
  const half = k >> 1;
  return (1 + sum) * powerOfTwo(half) * powerOfTwo(k - half);
};

/** x^y for x ≥ 0 and y > 0; the error grows with |y · ln x|. */
export const power = (x: number, y: number): number => (x === 0 ? 0 : exp(y * ln(x)));

/** The sine of |a| ≤ π / 4 by its series to a^17; the next term is below 2^-63. */
const sinSmall = (a: number): number => {
  const z = a * a;
  const upper = 1 / 362_880 + z * (-1 / 39_916_800 + z * (1 / 6_227_020_800 + z * sinTail(z)));
  return a + a * z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * upper)));
};

const sinTail = (z: number): number => -1 / 1_307_674_368_000 + z / 355_687_428_096_000;

/** The cosine likewise, to a^16. */
const cosSmall = (a: number): number => {
  const z = a * a;
  const upper = -1 / 3_628_800 + z * (1 / 479_001_600 + z * cosTail(z));
  return 1 + z * (-1 / 2 + z * (1 / 24 + z * (-1 / 720 + z * (1 / 40_320 + z * upper))));
};

const cosTail = (z: number): number => -1 / 87_178_291_200 + z / 20_922_789_888_000;

/** Sine of a part of a full turn: of 2π · turns. Whole turns cost no digits. */
export const sinOfTurns = (turns: number): number => {
  const within = turns - Math.floor(turns);
  const quarter = Math.round(4 * within);
  const angle = (within - quarter / 4) * (2 * Math.PI);
  switch (quarter & 3) {
    case 0:
      return sinSmall(angle);
    case 1:
      return cosSmall(angle);
    case 2:
      return -sinSmall(angle);
    default:
      return -cosSmall(angle);
  }
};

/** Cosine of 2π · turns. */
export const cosOfTurns = (turns: number): number => sinOfTurns(turns + 0.25);
