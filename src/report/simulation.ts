/** What a report says of runs in virtual time: that they are, what their world was like, and how to tell the same bytes. */
import { duration, plural } from "#report/format.ts";
import { runLabel } from "#report/labels.ts";
import { details, left, paragraphs, table } from "#report/markdown.ts";
import type { Fact, ReportedRun, ReportInput } from "#report/model.ts";
import type { StoredSimulation } from "#telemetry/results.ts";

/** Beyond this many hashes the table is folded. */
const OPEN_ROWS = 12;

const simulationOf = ({ analysis }: ReportedRun): StoredSimulation | null =>
  analysis.stored?.simulation ?? null;

const simulated = (
  input: ReportInput,
): readonly { readonly run: ReportedRun; readonly simulation: StoredSimulation }[] =>
  input.runs.flatMap((run) => {
    const simulation = simulationOf(run);
    return simulation === null ? [] : [{ run, simulation }];
  });

/** Whether the runs were simulated; a results folder has one target. */
export const isSimulated = (input: ReportInput): boolean =>
  input.analysis.manifest?.target === "sim";

/** Below the question; "" for runs on hosts. */
export const simulationNotice = (input: ReportInput): string => {
  if (!isSimulated(input)) return "";
  const runs = input.runs.length === 1 ? "This run was" : "These runs were";
  return `**Simulated** (target \`sim\`): ${runs} made in virtual time, with the controller, workers and load generators that run behind sockets, a modelled network and simulated GPUs. No machine was measured.`;
};

/** The world of the runs; empty for runs on hosts. */
export const simulationFacts = (input: ReportInput): readonly Fact[] => {
  const [first] = simulated(input);
  if (first === undefined) return [];
  const { latency_min_ns, jitter_mean_ns, bytes_per_s } = first.simulation.network;
  const gigabits = Number(((bytes_per_s * 8) / 1e9).toPrecision(3));
  return [
    {
      name: "Hosts",
      value: "simulated: each worker, the controller and each load generator on one of its own",
    },
    {
      name: "Network",
      value: `one way ${duration(latency_min_ns)} and an exponential time of ${duration(jitter_mean_ns)} on average; ${gigabits} Gb/s out of each host; a connection keeps order and loses nothing`,
    },
  ];
};

/** One hash per run, over all of its logs; "" for runs on hosts. */
export const hashSection = (input: ReportInput): string => {
  const rows = simulated(input).map(({ run, simulation }) => [
    runLabel(input, run),
    `\`${simulation.sha256}\``,
  ]);
  if (rows.length === 0) return "";
  const hashes = table([left("Run"), left("SHA-256 of its logs")], rows);
  return paragraphs([
    "The same experiment, seed and version give the same bytes, which these hashes tell (`sha256sum logs/* telemetry/* | sha256sum` in a run's folder):",
    rows.length > OPEN_ROWS ? details(`Of all ${plural(rows.length, "run")}`, hashes) : hashes,
  ]);
};
