/** `system.noise`: how the durations of simulated GPUs vary, as an experiment file says it and as a run has it. */
import { z } from "zod";
import { maybe } from "#experiment/key-schema.ts";
import { between, duration, fraction, type Reader, rate } from "#experiment/reading.ts";
import type { Noise } from "#experiment/resolved.ts";
import { MILLISECOND, MINUTE, type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { err } from "#stdx/result.ts";

/** Values of keys that a noise leaves out; a worker has the same. */
export const NOISE_DEFAULTS: Noise = {
  jitterCv: 0,
  throttleRatePerS: 0,
  throttleLengthNs: SECOND,
  throttleFactor: 1.5,
  slowTransferShare: 0,
  slowTransferFactor: 3,
  stallRatePerS: 0,
  stallLengthNs: ns(10 * MILLISECOND),
};

/** A worker draws what happened meanwhile when it is asked; more would hold it up. */
const RATE_MAX = 1000;

const atMost = <T extends number>(reader: Reader<T>, most: number, remedy: string): Reader<T> => ({
  kind: reader.kind,
  read: (value): ReturnType<Reader<T>["read"]> => {
    const reading = reader.read(value);
    if (!reading.ok || reading.value <= most) return reading;
    return err({ message: `${String(value)} is too much`, remedy });
  },
});

const occurrence = (): Reader<number> => atMost(rate("zero"), RATE_MAX, `at most ${RATE_MAX}/s`);
const length = (): Reader<Nanos> => atMost(duration("positive"), 60 * MINUTE, "at most 1h");
const slowdown = (of: string): Reader<number> => between({ least: 1, most: 1000, of });

export const noiseSchema = z.strictObject({
  jitterCv: maybe(between({ least: 0, most: 2, of: "coefficient of variation of durations" })),
  throttleRate: maybe(occurrence()),
  throttleLength: maybe(length()),
  throttleFactor: maybe(slowdown("how many times as long executions take")),
  slowTransferShare: maybe(fraction("part of the weights loads that are slow", "zero")),
  slowTransferFactor: maybe(slowdown("how many times as long slow loads take")),
  stallRate: maybe(occurrence()),
  stallLength: maybe(length()),
});

/** The noise of a run, whole. */
export const toNoise = (parsed: z.output<typeof noiseSchema>): Noise => ({
  jitterCv: parsed.jitterCv ?? NOISE_DEFAULTS.jitterCv,
  throttleRatePerS: parsed.throttleRate ?? NOISE_DEFAULTS.throttleRatePerS,
  throttleLengthNs: parsed.throttleLength ?? NOISE_DEFAULTS.throttleLengthNs,
  throttleFactor: parsed.throttleFactor ?? NOISE_DEFAULTS.throttleFactor,
  slowTransferShare: parsed.slowTransferShare ?? NOISE_DEFAULTS.slowTransferShare,
  slowTransferFactor: parsed.slowTransferFactor ?? NOISE_DEFAULTS.slowTransferFactor,
  stallRatePerS: parsed.stallRate ?? NOISE_DEFAULTS.stallRatePerS,
  stallLengthNs: parsed.stallLength ?? NOISE_DEFAULTS.stallLengthNs,
});
