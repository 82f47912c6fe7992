/** What the load generator and one saturated GPU achieve, read from the results of real runs. */
import { ROOT } from "../step.ts";
import { askResults, type Clone, numbersOf, runExperiment } from "./command-line.ts";
import type { Series } from "./summary.ts";

const HERE: Clone = { root: ROOT, env: process.env };

/** Due: scheduled in the measurement window. Sent: left in it, whenever it was due. */
const PACING = `select w.run,
    count(*) filter (scheduled_ns >= measure_start_ns and scheduled_ns < measure_end_ns) * 1e9 / any_value(length_ns) as due_per_s,
    count(*) filter (sent_ns >= measure_start_ns and sent_ns < measure_end_ns) * 1e9 / any_value(length_ns) as sent_per_s,
    any_value(p50_ms) as p50_ms, any_value(p99_ms) as p99_ms, any_value(max_ms) as max_ms
  from client c join windows w using (run) join (
    select run, quantile_disc(send_lateness_ns, 0.5) / 1e6 as p50_ms,
      quantile_disc(send_lateness_ns, 0.99) / 1e6 as p99_ms, max(send_lateness_ns) / 1e6 as max_ms
    from measured group by run) l using (run)
  group by w.run order by w.run`;

const SATURATION = `select run,
    count(*) filter (good) * 1e9 / any_value(length_ns) as goodput_per_s,
    quantile_disc(latency_ns, 0.99) filter (outcome = 'ok') / 1e6 as p99_ms
  from measured group by run order by run`;

/** Achieved against target rate, and how late requests left, at 1,000 requests per second. */
export const benchPacing = async (repetitions: number): Promise<readonly Series[]> => {
  const experiment = { file: "bench/pacing.ts", name: "bench-pacing" };
  const { results } = await runExperiment(HERE, experiment, "--set", `repetitions=${repetitions}`);
  const rows = await askResults(HERE, results, PACING);
  return [
    { name: "rate due", unit: "/s", values: numbersOf(rows, "due_per_s") },
    { name: "rate sent", unit: "/s", values: numbersOf(rows, "sent_per_s") },
    { name: "send lateness, median", unit: "ms", values: numbersOf(rows, "p50_ms") },
    { name: "send lateness, p99", unit: "ms", values: numbersOf(rows, "p99_ms") },
    { name: "send lateness, largest", unit: "ms", values: numbersOf(rows, "max_ms") },
  ];
};

/** Goodput of one GPU that is asked for more than it can give. */
export const benchSaturation = async (repetitions: number): Promise<readonly Series[]> => {
  const experiment = { file: "saturation.ts", name: "saturation" };
  const { results } = await runExperiment(HERE, experiment, "--set", `repetitions=${repetitions}`);
  const rows = await askResults(HERE, results, SATURATION);
  return [
    { name: "goodput at saturation", unit: "/s", values: numbersOf(rows, "goodput_per_s") },
    { name: "latency p99 of what is answered", unit: "ms", values: numbersOf(rows, "p99_ms") },
  ];
};
