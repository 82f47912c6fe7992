/** The noise of simulated GPUs in words, for plans and reports. */
import type { Noise } from "#experiment/resolved.ts";
import { formatDuration } from "#stdx/quantity.ts";

const number = (value: number): string => String(Number(value.toPrecision(6)));

/** What varies, without what does not; "none" where nothing does. */
export const noiseText = (noise: Noise): string => {
  const kinds = [
    noise.jitterCv > 0 ? `jitter with a coefficient of variation of ${number(noise.jitterCv)}` : "",
    noise.throttleRatePerS > 0
      ? `clocks ${number(noise.throttleFactor)} times slower ${number(noise.throttleRatePerS)}/s for ${formatDuration(noise.throttleLengthNs)} on average`
      : "",
    noise.slowTransferShare > 0
      ? `${number(100 * noise.slowTransferShare)} % of loads ${number(noise.slowTransferFactor)} times slower`
      : "",
    noise.stallRatePerS > 0
      ? `stalls ${number(noise.stallRatePerS)}/s of ${formatDuration(noise.stallLengthNs)} on average`
      : "",
  ].filter((each) => each !== "");
  return kinds.length === 0 ? "none" : kinds.join("; ");
};
