/** Numbers in lines for people, as C++ streams print them in the range that workloads use. */

/** At most six significant digits: 4, 0.125, 6.10352. */
export const sixDigits = (value: number): string => String(Number(value.toPrecision(6)));
