/** How exactly the load generator sends: a constant 1,000 requests per second, more than enough GPUs, five times. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "bench-pacing",
  title: "Pacing at 1,000 requests per second",
  question: "Which rate is achieved, and how long after its due time does a request leave?",
  seed: 1,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 4,
    profiles: "v100-table1",
    models: { resnet18_v2: 16 },
  },
  workload: {
    arrivals: "constant",
    rate: perSecond(1000),
    warmUp: seconds(2),
    duration: seconds(10),
    coolDown: seconds(1),
  },
  repetitions: 5,
  checks: { "nothing is left unsent": { metric: "dropped_share", atMost: 0 } },
});
