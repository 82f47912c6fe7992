/** Small plans for tests of the runner. */
import type { Plan, PlannedRun } from "#experiment/resolved.ts";
import { ns } from "#stdx/nanos.ts";

const MILLISECOND = 1_000_000;

/** One worker with one GPU, 50 ms of sending; launch within 20 s and drain within 1 s. */
export const plannedRun = (index: number, more: Partial<PlannedRun> = {}): PlannedRun => ({
  index,
  name: `0${index}-rep=${index + 1}`,
  point: [],
  repetition: index + 1,
  seed: index + 1,
  system: {
    scheduler: "INFER5",
    sloNs: ns(100 * MILLISECOND),
    scheduleAheadNs: ns(10 * MILLISECOND),
    maxExecNs: ns(250 * MILLISECOND),
    maxBatch: 8,
    maxGpus: 100,
    generateInputs: false,
    workers: 1,
    gpusPerWorker: 1,
    weightsCacheBytes: 2 ** 30,
    pageSizeBytes: 2 ** 24,
    profiles: "/profiles/x.csv",
    models: [{ model: "m", instances: 1 }],
    telemetryDialect: "documented",
  },
  workload: {
    arrivals: "constant",
    ratePerS: 60,
    warmUpNs: ns(0),
    durationNs: ns(50 * MILLISECOND),
    coolDownNs: ns(0),
    inputs: false,
  },
  launchLimitNs: ns(20_000 * MILLISECOND),
  drainLimitNs: ns(1000 * MILLISECOND),
  ...more,
});

export const planOf = (runs: readonly PlannedRun[]): Plan => ({
  name: "tiny",
  title: "Tiny",
  question: "Does the runner run?",
  seed: 1,
  repetitions: runs.length,
  sweep: [],
  checks: [],
  headline: null,
  runs,
});
