/** An open loop that does not wait for answers, under SLOs from far below to far above what a batch takes. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "slo-sweep",
  title: "Poisson arrivals under a sweep of SLOs",
  question:
    "Which share of a fixed, bearable load is answered in time as the SLO goes from 10 ms to 500 ms?",
  seed: 61,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 1,
    profiles: "v100-table1",
    models: { resnet50_v2: 15 },
  },
  workload: {
    arrivals: "poisson",
    // One GPU executes resnet50_v2 one by one at 1 / 2.73 ms = 366 requests/s, in batches of 8 at 806 requests/s.
    rate: perSecond(300),
    warmUp: seconds(2),
    duration: seconds(10),
    coolDown: seconds(1),
  },
  // The SLOs of the evaluation in the Clockwork paper's section 6.1.
  sweep: { "system.slo": [ms(10), ms(25), ms(50), ms(100), ms(250), ms(500)] },
  checks: {
    "relaxed SLO is met": {
      metric: "slo_attainment",
      atLeast: 0.95,
      when: { "system.slo": ms(500) },
    },
    "all of the load is offered": { metric: "dropped_share", atMost: 0 },
    // Latency counts from when a request was due: the generator's own delay has to be small against the relaxed SLO.
    "load arrives on time": {
      metric: "send_lateness_p99",
      atMost: ms(25),
      when: { "system.slo": ms(500) },
    },
  },
  report: { headline: { metric: "slo_attainment", against: "system.slo" } },
});
