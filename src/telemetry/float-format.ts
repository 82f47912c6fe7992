/** How 32-bit floats are written in the logs. */

const SIGNIFICANT_DIGITS = 6;
const FLOAT32_DIGITS = 9;

/** The shortest decimal that reads back as the same 32-bit float: 2.5, 0.1, 1e-7. */
export const formatFloat32 = (value: number): string => {
  const float = Math.fround(value);
  for (let digits = 1; digits < FLOAT32_DIGITS; digits++) {
    const candidate = Number(float.toPrecision(digits));
    if (Math.fround(candidate) === float) return String(candidate);
  }
  return String(Number(float.toPrecision(FLOAT32_DIGITS)));
};

/** Digits and exponent of |value| rounded to six significant digits, exact ties to even as C's printf does. */
const roundToSix = (value: number): { readonly digits: string; readonly exponent: number } => {
  const split = (text: string) => {
    const [mantissa = "", exponent = "0"] = text.split("e");
    return { digits: mantissa.replace(".", ""), exponent: Number(exponent) };
  };
  const magnitude = Math.abs(value);
  const rounded = split(magnitude.toExponential(SIGNIFICANT_DIGITS - 1));
  // JavaScript rounds exact ties up; the only ties are decimals that end in a 5 right after the sixth digit.
  const exact = split(magnitude.toExponential(60));
  const isTie = /^50*$/.test(exact.digits.slice(SIGNIFICANT_DIGITS));
  const truncated = exact.digits.slice(0, SIGNIFICANT_DIGITS);
  const isTruncatedEven = Number(truncated.at(-1)) % 2 === 0;
  return isTie && isTruncatedEven ? { digits: truncated, exponent: exact.exponent } : rounded;
};

/** A 32-bit float as C++ streams print it: six significant digits, shortest general form (`0`, `2.5`, `1e-05`). */
export const formatFloatGeneral = (value: number): string => {
  const float = Math.fround(value);
  const sign = float < 0 || Object.is(float, -0) ? "-" : "";
  if (Number.isNaN(float)) return "nan";
  if (!Number.isFinite(float)) return `${sign}inf`;
  if (float === 0) return `${sign}0`;
  const { digits, exponent } = roundToSix(float);
  const significant = digits.replace(/0+$/, "");
  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const fraction = significant.slice(1);
    const power = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    return `${sign}${significant[0]}${fraction === "" ? "" : `.${fraction}`}e${power}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${significant}`;
  const whole = digits.slice(0, exponent + 1);
  const fraction = digits.slice(exponent + 1).replace(/0+$/, "");
  return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
};
