/** Turns a judged workload into the one that a run has: defaults filled in, quantities with their units in their names. */
import type { Load, MixPart, RateShape, Workload } from "#experiment/resolved.ts";
import type { ParsedPart, ParsedShape, ParsedWorkload } from "#experiment/workload-schema.ts";
import { assertNever } from "#stdx/assert.ts";
import { ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";

/** Values of keys of a workload that an experiment leaves out; durations in ns. */
export const WORKLOAD_DEFAULTS = {
  warmUpNs: ns(2 * SECOND),
  coolDownNs: ns(SECOND),
} as const;

const toShape = (parsed: ParsedShape): RateShape => {
  switch (parsed.kind) {
    case "ramp": {
      const { kind, to, start, over } = parsed;
      return { kind, toPerS: to, startNs: start ?? ZERO_NS, overNs: over };
    }
    case "steps":
      return {
        kind: parsed.kind,
        steps: parsed.steps.map(({ at, rate }) => ({ atNs: at, ratePerS: rate })),
      };
    case "bursts": {
      const { kind, peak, every, length, first } = parsed;
      return { kind, peakPerS: peak, everyNs: every, lengthNs: length, firstNs: first ?? every };
    }
    case "sine": {
      const { kind, amplitude, period, phase } = parsed;
      return { kind, amplitude, periodNs: period, phase: phase ?? 0 };
    }
    default:
      return assertNever(parsed);
  }
};

/** Keys that stay absent when they are left out, so that plans without them are what they always were. */
const extras = (parsed: {
  readonly shape?: ParsedShape | undefined;
  readonly users?: number | undefined;
}) => ({
  ...(parsed.shape === undefined ? {} : { shape: toShape(parsed.shape) }),
  ...usersOf(parsed),
});

const usersOf = ({ users }: { readonly users?: number | undefined }) =>
  users === undefined ? {} : { users };

const toLoad = (parsed: ParsedPart): Load => {
  switch (parsed.arrivals) {
    case "poisson":
    case "constant":
      return { arrivals: parsed.arrivals, ratePerS: parsed.rate, ...extras(parsed) };
    case "gamma":
    case "weibull": {
      const { arrivals, rate, cv } = parsed;
      return { arrivals, ratePerS: rate, cv, ...extras(parsed) };
    }
    case "markov-modulated":
      return {
        arrivals: parsed.arrivals,
        states: parsed.states.map(({ rate, mean }) => ({ ratePerS: rate, meanNs: mean })),
        ...usersOf(parsed),
      };
    case "closed-loop":
      return {
        arrivals: parsed.arrivals,
        concurrency: parsed.concurrency,
        thinkTimeNs: parsed.thinkTime ?? ZERO_NS,
      };
    default:
      return assertNever(parsed);
  }
};

const toPart = ([name, parsed]: readonly [string, ParsedPart]): MixPart => ({
  name,
  models: parsed.models ?? null,
  load: toLoad(parsed),
});

/** The workload of a run. */
export const toWorkload = (parsed: ParsedWorkload): Workload => {
  const times = {
    warmUpNs: parsed.warmUp ?? WORKLOAD_DEFAULTS.warmUpNs,
    durationNs: parsed.duration,
    coolDownNs: parsed.coolDown ?? WORKLOAD_DEFAULTS.coolDownNs,
    inputs: parsed.inputs ?? false,
    ...(parsed.generators === undefined ? {} : { generators: parsed.generators }),
  };
  if (parsed.arrivals === "mix") {
    const parts = Object.entries(parsed.parts).map(toPart);
    return { ...times, arrivals: parsed.arrivals, parts };
  }
  if (parsed.arrivals === "azure-functions-2019") {
    return {
      ...times,
      arrivals: parsed.arrivals,
      trace: parsed.trace,
      startMinute: parsed.startMinute ?? null,
      loadFactor: parsed.loadFactor ?? 1,
      timeCompression: parsed.timeCompression ?? 1,
      placement: parsed.placement ?? "even",
      ...(parsed.sampleFunctions === undefined ? {} : { sampleFunctions: parsed.sampleFunctions }),
    };
  }
  if (parsed.arrivals === "servegen") {
    return {
      ...times,
      arrivals: parsed.arrivals,
      trace: parsed.trace,
      startNs: parsed.start ?? ZERO_NS,
      loadFactor: parsed.loadFactor ?? 1,
      timeCompression: parsed.timeCompression ?? 1,
    };
  }
  if (parsed.arrivals === "recorded") {
    return { ...times, arrivals: parsed.arrivals, trace: parsed.trace };
  }
  if (parsed.arrivals === "trace") {
    return {
      ...times,
      arrivals: parsed.arrivals,
      trace: parsed.trace,
      format: parsed.format,
      column: parsed.column ?? null,
      unit: parsed.unit ?? "s",
      startNs: parsed.start ?? ZERO_NS,
      loadFactor: parsed.loadFactor ?? 1,
      timeCompression: parsed.timeCompression ?? 1,
      ...(parsed.sampleFunctions === undefined ? {} : { sampleFunctions: parsed.sampleFunctions }),
    };
  }
  return { ...times, ...toLoad(parsed) };
};
