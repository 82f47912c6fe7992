/** What `--plan` prints: every run with its parameters, placement, expected requests, time and disk; starts nothing. */
import { join } from "node:path";
import { shownPath } from "#cli/import-experiment.ts";
import type { LoadedExperiment } from "#cli/load-experiment.ts";
import { noiseText } from "#cli/noise-text.ts";
import { stopLines } from "#cli/stop-lines.ts";
import { showTable } from "#cli/text-table.ts";
import { workloadInputs, workloadLines } from "#cli/workload-lines.ts";
import type { CheckMetric } from "#experiment/language.ts";
import { METRIC_UNITS, type MetricUnit } from "#experiment/metric-units.ts";
import { expectedRunNs, expectedTotalNs, RUN_ALLOWANCE_NS } from "#experiment/plan.ts";
import { countOf } from "#experiment/problem.ts";
import type { Check, Plan, PlannedRun } from "#experiment/resolved.ts";
import { loadUnit } from "#experiment/search.ts";
import { expectedRuns } from "#judge/capacity-search.ts";
import { type Nanos, ns, toSeconds } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { expectedRequests } from "#workload/describe-workload.ts";
import { generatorsOf } from "#workload/share.ts";

export interface ShowPlanOptions {
  /** Where the runs would be: "local", "sim". */
  readonly target: string;
  readonly cwd: string;
}

/**
 * Bytes that a request leaves behind, measured and rounded up: 450 in the five logs when every request is a batch of
 * its own (250 in a saturated closed loop, whose batches share their rows), 50 once more as Parquet.
 */
const BYTES_PER_REQUEST = 500;
/** Journal, manifest, process logs, report and charts. */
const BYTES_PER_RUN = 300_000;

/** Requests from the first to the last send of a run, as far as they are known in advance. */
const requestsOf = (run: PlannedRun, loaded: LoadedExperiment): number | null =>
  expectedRequests(run.workload, workloadInputs(run, loaded));

const showCount = (value: number): string => value.toLocaleString("en-US");

const showBytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(0.1, bytes / 1e6).toFixed(1)} MB`;

/** "48 s", "3 min 20 s", "2 h 5 min": rounded up, for people. */
const showTime = (value: Nanos): string => {
  const total = Math.ceil(toSeconds(value));
  const [hours, minutes, seconds] = [
    Math.floor(total / 3600),
    Math.floor((total % 3600) / 60),
    total % 60,
  ];
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
  return `${seconds} s`;
};

const placementOf = ({ system }: PlannedRun): string =>
  `${countOf(system.workers, "worker")} × ${countOf(system.gpusPerWorker, "GPU")}`;

/** The runs to list: all of them, but each load of a search only once, not as often as it may be tried. */
const listedRuns = ({ search, runs }: Plan): readonly PlannedRun[] =>
  search === undefined ? runs : runs.filter(({ repetition }) => repetition === 1);

const runTable = (loaded: LoadedExperiment): readonly string[] => {
  const { plan } = loaded;
  const header = [
    "run",
    ...plan.sweep.map(({ path }) => path),
    ...(plan.search === undefined ? [] : [plan.search.over]),
    "seed",
    "placement",
    "requests",
    "takes",
  ];
  const rows = listedRuns(plan).map((run) => {
    const requests = requestsOf(run, loaded);
    return [
      run.name,
      ...run.point.map(({ value }) => String(value)),
      String(run.seed),
      placementOf(run),
      requests === null ? "by responses" : showCount(requests),
      showTime(expectedRunNs(run)),
    ];
  });
  const last = header.length - 1;
  return showTable([header, ...rows], new Set([last - 3, last - 1, last]));
};

/** The unit of what a check or a goal bounds: that of its metric, or of the load that is searched over. */
const unitOf = (metric: CheckMetric, { search }: Plan): MetricUnit =>
  metric === "capacity" ? loadUnit(search?.over) : METRIC_UNITS[metric];

const showBound = (value: number, unit: MetricUnit): string => {
  if (unit === "duration") return formatDuration(ns(value));
  return unit === "rate" ? `${value}/s` : String(value);
};

const showBounds = (
  { metric, atLeast, atMost }: Pick<Check, "metric" | "atLeast" | "atMost">,
  plan: Plan,
): string => {
  const unit = unitOf(metric, plan);
  return [
    ...(atLeast === null ? [] : [`≥ ${showBound(atLeast, unit)}`]),
    ...(atMost === null ? [] : [`≤ ${showBound(atMost, unit)}`]),
  ].join(" and ");
};

/** A check in one line: "most-in-slo: slo_attainment ≥ 0.9, where system.slo = 50ms". */
const showCheck = (check: Check, plan: Plan): string => {
  const when = check.when.map(({ path, value }) => `${path} = ${value}`).join(" and ");
  return `${check.name}: ${check.metric} ${showBounds(check, plan)}${when === "" ? "" : `, where ${when}`}`;
};

/** What is no mistake and yet probably not meant. */
const warningsOf = ({ plan }: LoadedExperiment): readonly string[] => {
  const warnings = new Set<string>();
  for (const { system, workload } of plan.runs) {
    const gpus = system.workers * system.gpusPerWorker;
    if (system.maxGpus < gpus) {
      warnings.add(
        `system.maxGpus is ${system.maxGpus}, so ${gpus - system.maxGpus} of ${gpus} GPUs stay idle`,
      );
    }
    if (workload.warmUpNs === 0)
      warnings.add("no warm-up: the first requests, which wait for weights to load, are measured");
    if (workload.durationNs < 1e9)
      warnings.add("less than a second is measured: a p99.9 needs 1,000 requests and more");
  }
  return [...warnings];
};

interface PlanSize {
  /** "4 runs (2 points × 2 repetitions)". */
  readonly runs: string;
  /** "42 s"; what a search may take at most as well. */
  readonly takes: string;
  /** How much of the runs that are planned will be executed, as far as that is known. */
  readonly share: number;
}

const sizeOf = (plan: Plan): PlanSize => {
  const { runs, repetitions, search } = plan;
  const total = expectedTotalNs(runs);
  const points = runs.length / repetitions;
  if (search === undefined) {
    const grid = `${countOf(points, "point")} × ${countOf(repetitions, "repetition")}`;
    return { runs: `${countOf(runs.length, "run")} (${grid})`, takes: showTime(total), share: 1 };
  }
  const searches = points / search.loads.length;
  const { about, most } = expectedRuns(search);
  const each = searches === 1 ? "" : `${searches} searches, each of `;
  const partOf = (count: number): number => (searches * count) / runs.length;
  const timeOf = (count: number): string => showTime(ns(Math.round(total * partOf(count))));
  return {
    runs: `${each}about ${about} runs (${most} if every load is hard to tell)`,
    takes: `${timeOf(about)} (${timeOf(most)} at most)`,
    share: partOf(about),
  };
};

/** What is looked for among which loads. */
const searchLines = (plan: Plan): readonly string[] => {
  const { search } = plan;
  if (search === undefined) return [];
  const { over, loads, goals, confidence, repetitionsMax } = search;
  const [first, second] = loads;
  const last = loads.at(-1);
  if (first === undefined || second === undefined || last === undefined) return [];
  const step = `${((second.load / first.load - 1) * 100).toFixed(1)} %`;
  return [
    `the highest ${over} with ${goals.map((goal) => `${goal.metric} ${showBounds(goal, plan)}`).join(" and ")}`,
    `${countOf(loads.length, "load")} from ${first.value} to ${last.value}, the second ${step} above the first; up to ${repetitionsMax} runs of each`,
    `from ${first.value} the load doubles until it misses the goal; then the bracket is halved, then both ends are confirmed, each decision with ${confidence * 100} % confidence`,
  ];
};

const diskOf = (loaded: LoadedExperiment, share: number): string => {
  const requests = loaded.plan.runs.map((run) => requestsOf(run, loaded));
  const known = requests.reduce((sum: number, count) => sum + (count ?? 0), 0);
  const bytes = share * (known * BYTES_PER_REQUEST + requests.length * BYTES_PER_RUN);
  const basis = `${BYTES_PER_REQUEST} B per request and ${showBytes(BYTES_PER_RUN)} per run`;
  const isPartial = requests.includes(null);
  return isPartial
    ? `at least ${showBytes(bytes)}, and ${BYTES_PER_REQUEST} B per request of the closed loops`
    : `about ${showBytes(bytes)} (${basis})`;
};

const systemLine = ({ system }: PlannedRun, cwd: string): string => {
  const instances = system.models.reduce((sum, model) => sum + model.instances, 0);
  const models = `${countOf(instances, "instance")} of ${countOf(system.models.length, "model")}`;
  const noise = system.noise === undefined ? "" : `, noise: ${noiseText(system.noise)}`;
  return `${system.scheduler}, SLO ${formatDuration(system.sloNs)}, ${models}, profiles ${shownPath(system.profiles, cwd)}${noise}`;
};

const section = (name: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ["", name, ...lines.map((line) => `  ${line}`)];

/** "client", "4 clients that share the schedule", "1 to 4 clients …" where the sweep varies their number. */
const generatorsText = (runs: readonly PlannedRun[]): string => {
  const counts = runs.map(({ workload }) => generatorsOf(workload));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (most === 1) return "client";
  return `${least === most ? "" : `${least} to `}${most} clients that share the schedule`;
};

/** Where the roles are, and what the world between them is like where that is not the machine's own. */
const placementLines = ({ runs }: Plan, target: string): readonly string[] => {
  const roles = `controller, workers and ${generatorsText(runs)}`;
  return target === "sim"
    ? [
        `${roles}: in virtual time in one process, each on a simulated host of its own`,
        "the network between them and the hosts' clocks are described in docs/simulation.md",
      ]
    : [`${roles}: all on ${target}`];
};

/** How long it takes; a simulation says nothing before it ran, but how much time there is to simulate. */
const timeLine = (takes: string, target: string): string =>
  target === "sim"
    ? `simulates about ${takes} of virtual time`
    : `takes about ${takes}, of which ${showTime(RUN_ALLOWANCE_NS)} per run are allowed for launch, drain and collection`;

/** The plan for a terminal; lines without a line end after the last. */
export const showPlan = (loaded: LoadedExperiment, { target, cwd }: ShowPlanOptions): string => {
  const { plan } = loaded;
  const [first] = plan.runs;
  const size = sizeOf(plan);
  const overrides = loaded.overrides.map(({ path, value }) => `--set ${path}=${value}`);
  const lines = [
    plan.title === plan.name ? plan.name : `${plan.name}: ${plan.title}`,
    ...(plan.question === "" ? [] : [plan.question]),
    "",
    `${size.runs} on ${target}, from ${shownPath(loaded.path, cwd)}`,
    timeLine(size.takes, target),
    `disk: ${diskOf(loaded, size.share)}, in ${join("results", plan.name)}/`,
    ...section("Search", searchLines(plan)),
    ...section(
      plan.search === undefined ? "Runs, in this order" : "Loads, of which few are run",
      runTable(loaded),
    ),
    ...section("Placement", placementLines(plan, target)),
    ...(first === undefined ? [] : section(`System (run ${first.name})`, [systemLine(first, cwd)])),
    ...(first === undefined
      ? []
      : section(`Workload (run ${first.name})`, workloadLines(first, loaded))),
    ...(first === undefined ? [] : section("Ends early", stopLines(first))),
    ...section(
      "Checks",
      plan.checks.map((check) => showCheck(check, plan)),
    ),
    ...(plan.headline === null
      ? []
      : section("Headline", [`${plan.headline.metric} against ${plan.headline.against}`])),
    ...section("Changed on the command line", [...overrides, ...loaded.notes]),
    ...section("Warnings", warningsOf(loaded)),
    "",
    "Nothing was started.",
  ];
  return lines.join("\n");
};
