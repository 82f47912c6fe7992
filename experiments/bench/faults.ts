/** The run that faults are injected into: short, light for two cores, and valid as long as nobody disturbs it. */
import { experiment, ms, perSecond, seconds } from "escapement";

export default experiment({
  name: "faults",
  title: "A short run for fault injection",
  question: "Does the verdict notice what was done to the run?",
  seed: 1,
  system: {
    scheduler: "INFER5",
    slo: ms(100),
    workers: 1,
    gpusPerWorker: 1,
    profiles: "v100-table1",
    models: { resnet18_v2: 4 },
  },
  workload: {
    arrivals: "poisson",
    rate: perSecond(300),
    warmUp: ms(400),
    duration: seconds(3),
    coolDown: ms(300),
  },
  limits: { drain: seconds(1) },
});
