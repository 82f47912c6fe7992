/** Synthetic systems whose capacity is known, with the noise of short runs. */
import type { Observation } from "#judge/load-judgement.ts";
import type { Rng } from "#stdx/rng.ts";

export interface KnownSystem {
  /** Requests per second up to which all are answered in time. */
  readonly knee: number;
  /** Width of the knee as a share of the load: 0 is a corner. */
  readonly softness: number;
  /** Standard deviation of the knee between runs, as a share. */
  readonly drift: number;
}

const normal = (rng: Rng): number =>
  Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());

/** The share of requests that is answered in time: beyond the knee, what exceeds it is not. */
const attainment = (load: number, knee: number, softness: number): number => {
  const excess = Math.log(load / knee);
  if (softness === 0) return Math.exp(-Math.max(0, excess));
  return Math.exp(-softness * Math.log1p(Math.exp(excess / softness)));
};

/** A knee anywhere from 150/s to 1,400/s. */
export const randomSystem = (
  rng: Rng,
  kind: Pick<KnownSystem, "softness" | "drift">,
): KnownSystem => ({
  ...kind,
  knee: 150 * (1400 / 150) ** rng.uniform(),
});

const STEPS = 60;
const REACH = 4;

/** The share in time on average over the runs. */
const meanAttainment = ({ knee, softness, drift }: KnownSystem, load: number): number => {
  let [sum, weights] = [0, 0];
  for (let step = 0; step <= STEPS; step++) {
    const z = REACH * ((2 * step) / STEPS - 1);
    const weight = Math.exp((-z * z) / 2);
    sum += weight * attainment(load, knee * Math.exp(drift * z), softness);
    weights += weight;
  }
  return sum / weights;
};

/** The highest load whose mean attainment is the goal. */
export const trueCapacity = (system: KnownSystem, goal: number): number => {
  let [low, high] = [1, 10_000];
  for (let step = 0; step < STEPS; step++) {
    const middle = Math.sqrt(low * high);
    if (meanAttainment(system, middle) >= goal) low = middle;
    else high = middle;
  }
  return low;
};

const SECONDS = 4;
/** Requests miss their SLO in clumps, as a queue makes them. */
const CLUMP = 5;

/** One run of four seconds. */
export const runOf = (
  { knee, softness, drift }: KnownSystem,
  load: number,
  rng: Rng,
): Observation => {
  const share = attainment(load, knee * Math.exp(drift * normal(rng)), softness);
  const samples = Math.round(load * SECONDS);
  const clumps = Math.max(1, Math.round(samples / CLUMP));
  let inTime = 0;
  for (let index = 0; index < clumps; index++) if (rng.uniform() < share) inTime++;
  return { kind: "measured", values: [{ value: inTime / clumps, samples }] };
};
