/** Quantities as an experiment file writes them: texts with their units, told apart by their types. */

declare const durationBrand: unique symbol;
declare const rateBrand: unique symbol;
declare const bytesBrand: unique symbol;

/** A duration as written: a number with its unit, "25ms"; also what `--set` accepts. Build it with `ms(25)`. */
export type Duration = string & { readonly [durationBrand]: true };
/** A rate as written: "1000/s". Build it with `perSecond(1000)`. */
export type Rate = string & { readonly [rateBrand]: true };
/** A size as written: "16MiB". Build it with `mebibytes(16)`. */
export type Size = string & { readonly [bytesBrand]: true };

/** "250us". */
export const microseconds = (value: number): Duration => `${value}us` as Duration;
/** "25ms". */
export const ms = (value: number): Duration => `${value}ms` as Duration;
/** "60s". */
export const seconds = (value: number): Duration => `${value}s` as Duration;
/** "5min". */
export const minutes = (value: number): Duration => `${value}min` as Duration;
/** "1000/s". */
export const perSecond = (value: number): Rate => `${value}/s` as Rate;
/** "60/min". */
export const perMinute = (value: number): Rate => `${value}/min` as Rate;
/** "16MiB". */
export const mebibytes = (value: number): Size => `${value}MiB` as Size;
/** "2GiB". */
export const gibibytes = (value: number): Size => `${value}GiB` as Size;
