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
    // resnet50_v2 in batches of 8 takes 9.93 ms: beyond 8 / 9.93 ms = 806 requests/s no scheduler can keep up. A batch
    // holds requests of one copy only, and 15 copies in turn take 15 × 9.93 ms = 149 ms, more than the SLO; batches of 4
    // take 15 × 5.87 ms = 88 ms and give 4 / 5.87 ms = 681 requests/s, of which a Poisson load loses some more.
    to: perSecond(1600),
    resolution: 0.05,
    goal: { slo_attainment: { atLeast: 0.99 } },
    confidence: 0.95,
    repetitionsMax: 6,
  },
  checks: {
    // Below what batches of 2 give, 2 / 4.05 ms = 494 requests/s, batching would not work; a busy laptop may lose a fifth.
    "batching works": { metric: "capacity", atLeast: perSecond(400) },
    "capacity is below the ceiling": { metric: "capacity", atMost: perSecond(846) },
  },
});
