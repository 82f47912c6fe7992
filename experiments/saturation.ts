/** A closed loop that asks for more than one GPU can give: how much of the GPU's ceiling becomes goodput? */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "saturation",
  title: "Goodput of one saturated GPU",
  question:
    "How close to the GPU's ceiling does goodput come when 240 requests are outstanding at any time?",
  seed: 5,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 1,
    maxBatch: 8,
    profiles: "v100-table1",
    // 15 copies with 16 requests each, as in Figure 5 of the Clockwork paper.
    models: { resnet50_v2: 15 },
  },
  workload: {
    arrivals: "closed-loop",
    concurrency: 16,
    warmUp: seconds(3),
    duration: seconds(10),
    coolDown: seconds(1),
  },
  repetitions: 3,
  checks: {
    // resnet50_v2 in batches of 8 takes 9.93 ms, and a GPU executes one batch at a time: 8 / 9.93 ms = 805.6 requests/s
    // are the ceiling. Half of it is asked for: the share that batches of 2 would give is 2 / 4.05 ms = 494 requests/s,
    // so batching has to work, while a busy laptop may still lose a third.
    "goodput is half of the ceiling": { metric: "goodput", atLeast: perSecond(403) },
    // No strategy exceeds the ceiling, but for 5 % at the edges of the window: more would mean that the simulated GPU
    // or the metric is wrong.
    "goodput is below the ceiling": { metric: "goodput", atMost: perSecond(846) },
    // 240 outstanding at 806/s are 298 ms: with an SLO of 100 ms most requests must be refused, and at once.
    "queues are bounded": { metric: "latency_p99", atMost: ms(200) },
  },
});
