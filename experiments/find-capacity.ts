/** How much load one GPU bears: the search doubles the load, halves the bracket, and confirms both of its ends. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "find-capacity",
  title: "The capacity of one GPU",
  question:
    "What is the highest Poisson load of which 99 % are answered within 100 ms by one GPU that serves 15 copies of resnet50_v2?",
  seed: 9,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 1,
    maxBatch: 8,
    profiles: "v100-table1",
    models: { resnet50_v2: 15 },
  },
  workload: {
    arrivals: "poisson",
    rate: perSecond(100),
    warmUp: seconds(2),
    duration: seconds(4),
    coolDown: ms(500),
  },
  search: {
    over: "workload.rate",
    from: perSecond(100),
    // resnet50_v2 in batches of 8 takes 9.93 ms: beyond 8 / 9.93 ms = 806 requests/s no scheduler can keep up.
    to: perSecond(1600),
    resolution: 0.05,
    goal: { slo_attainment: { atLeast: 0.99 } },
    confidence: 0.95,
    repetitionsMax: 6,
  },
});
