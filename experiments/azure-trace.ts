/** The main job: a trace of serverless functions, replayed on simulated GPUs under tighter and tighter SLOs. */
import { experiment, ms, seconds } from "escapement";

export default experiment({
  name: "azure-trace",
  title: "A serverless trace under tightening SLOs",
  question:
    "How tight can the SLO become before a realistic mix of functions, replayed on two GPUs, no longer meets it?",
  seed: 2020,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    // As in most of the paper's experiments. INFER5 gives a request at least this plus 5 ms, however tight its SLO.
    scheduleAhead: ms(5),
    workers: 1,
    gpusPerWorker: 2,
    profiles: "v100-table1",
    // Fast and slow models, small and large weights; a function calls one instance.
    models: {
      resnet18_v2: 4,
      resnet50_v2: 4,
      googlenet: 4,
      densenet121: 4,
      "mobile_pose_mobilenet1.0": 4,
      winograd_resnet50_v2: 4,
    },
  },
  workload: {
    arrivals: "azure-functions-2019",
    trace: "traces/synthetic-azure2019.csv",
    // One traced minute lasts six seconds: 100 traced seconds in each run, at ten times their rates.
    timeCompression: 10,
    warmUp: seconds(2),
    duration: seconds(7),
    coolDown: seconds(1),
  },
  // 4 runs × 10 s. A single execution of the slowest model takes 3.8 ms, and actions are sent up to 5 ms ahead.
  sweep: { "system.slo": [ms(5), ms(10), ms(25), ms(100)] },
  checks: {
    // 100 ms are 26 executions of the slowest model: with half of the GPUs' time in use, only bursts may miss it.
    "relaxed SLO is met": {
      metric: "slo_attainment",
      atLeast: 0.95,
      when: { "system.slo": ms(100) },
    },
    // All weights fit a GPU, so that only a model's first request on it waits for them.
    "weights stay loaded": { metric: "cold_start_share", atMost: 0.05 },
    "nothing is left unsent": { metric: "dropped_share", atMost: 0 },
    // Latency counts from when a request was due: at most a fifth of the relaxed SLO may be the generator's own delay.
    "load arrives on time": {
      metric: "send_lateness_p99",
      atMost: ms(20),
      when: { "system.slo": ms(100) },
    },
  },
  report: { headline: { metric: "slo_attainment", against: "system.slo" } },
});
