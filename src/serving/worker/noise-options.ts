/** How much the durations of simulated GPUs vary, and how that is written: "jitter-cv=0.05,stall-rate=0.1/s". */
import { type Nanos, ns } from "#stdx/nanos.ts";
import { parseDuration, parseRate } from "#stdx/quantity.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** Rates count per GPU and second outside of what they bring about. */
export interface NoiseOptions {
  /** Standard deviation ÷ mean of the factor on every execution and load; 0: none. */
  readonly jitterCv: number;
  /** How often a GPU's clock slows down; 0: never. */
  readonly throttleRatePerS: number;
  /** Mean time that a clock stays slow. */
  readonly throttleLengthNs: Nanos;
  /** How many times as long executions take then. */
  readonly throttleFactor: number;
  /** Part of the weights loads that are slow, in [0, 1]. */
  readonly slowTransferShare: number;
  /** How many times as long those take. */
  readonly slowTransferFactor: number;
  /** How often a GPU stands still; 0: never. */
  readonly stallRatePerS: number;
  /** Mean time that it stands still. */
  readonly stallLengthNs: Nanos;
}

export const NO_NOISE: NoiseOptions = {
  jitterCv: 0,
  throttleRatePerS: 0,
  throttleLengthNs: ns(1_000_000_000),
  throttleFactor: 1.5,
  slowTransferShare: 0,
  slowTransferFactor: 3,
  stallRatePerS: 0,
  stallLengthNs: ns(10_000_000),
};

export const isNoisy = (noise: NoiseOptions): boolean =>
  noise.jitterCv > 0 ||
  noise.throttleRatePerS > 0 ||
  noise.slowTransferShare > 0 ||
  noise.stallRatePerS > 0;

interface Key {
  readonly field: keyof NoiseOptions;
  readonly due: string;
  /** Null for a text that is not what is due. */
  readonly read: (text: string) => number | null;
}

const numberOf = (text: string): number | null => {
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? value : null;
};

interface Range {
  readonly least: number;
  readonly most: number;
}

const within =
  (read: (text: string) => number | null, { least, most }: Range): Key["read"] =>
  (text) => {
    const value = read(text);
    return value !== null && value >= least && value <= most ? value : null;
  };

const RATE = {
  due: "a rate from 0/s to 1000/s, such as 0.1/s",
  read: within(parseRate, { least: 0, most: 1000 }),
};
const LENGTH = {
  due: "a duration from 1ns to 1h, such as 200ms",
  read: within(parseDuration, { least: 1, most: 3600e9 }),
};
const FACTOR = {
  due: "a number from 1 to 1000, such as 1.5",
  read: within(numberOf, { least: 1, most: 1000 }),
};

const KEYS: Readonly<Record<string, Key>> = {
  "jitter-cv": {
    field: "jitterCv",
    due: "a number from 0 to 2, such as 0.05",
    read: within(numberOf, { least: 0, most: 2 }),
  },
  "throttle-rate": { field: "throttleRatePerS", ...RATE },
  "throttle-length": { field: "throttleLengthNs", ...LENGTH },
  "throttle-factor": { field: "throttleFactor", ...FACTOR },
  "slow-transfer-share": {
    field: "slowTransferShare",
    due: "a number from 0 to 1, such as 0.01",
    read: within(numberOf, { least: 0, most: 1 }),
  },
  "slow-transfer-factor": { field: "slowTransferFactor", ...FACTOR },
  "stall-rate": { field: "stallRatePerS", ...RATE },
  "stall-length": { field: "stallLengthNs", ...LENGTH },
};

/** Reads `KEY=VALUE[,KEY=VALUE…]`; what is not named is as in `NO_NOISE`. Fails with the first mistake. */
export const parseNoise = (text: string): Result<NoiseOptions, string> => {
  const noise: Record<string, number> = {};
  for (const pair of text.split(",").map((each) => each.trim())) {
    const [name = "", value, ...more] = pair.split("=").map((each) => each.trim());
    const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
    if (value === undefined || more.length > 0)
      return err(`"${pair}" is not KEY=VALUE, such as jitter-cv=0.05`);
    if (key === undefined)
      return err(`unknown key "${name}"; keys are ${Object.keys(KEYS).join(", ")}`);
    if (key.field in noise) return err(`${name} is there twice`);
    const read = key.read(value);
    if (read === null) return err(`${name} is "${value}"; due is ${key.due}`);
    noise[key.field] = read;
  }
  return ok({ ...NO_NOISE, ...noise });
};
