/** What the simulator's speed is measured with: a cluster of twelve GPUs at about 80 % of what it can do. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "bench-simulation",
  title: "Twelve GPUs in virtual time",
  question: "How many requests per second of wall-clock time does the simulator get through?",
  seed: 12,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 6,
    gpusPerWorker: 2,
    profiles: "v100-table1",
    models: { resnet50_v2: 24 },
  },
  workload: {
    arrivals: "poisson",
    // In batches of 8, which take 9.93 ms, twelve GPUs do 12 × 8 / 9.93 ms = 9,668 requests/s.
    rate: perSecond(7700),
    warmUp: seconds(1),
    duration: seconds(20),
    coolDown: seconds(1),
  },
  checks: {
    "the cluster keeps up": { metric: "slo_attainment", atLeast: 0.99 },
  },
});
