/** The report's tables of metrics: per point of the sweep, per run, and for predictions. */
import type { MetricUnit, PredictionErrorRow } from "#query/analysis.ts";
import { duration, grouped, metricText, quantity } from "#report/format.ts";
import { markedLabel, runsByPoint } from "#report/labels.ts";
import { left, right, table } from "#report/markdown.ts";
import { isUsable, type ReportedRun, type ReportInput } from "#report/model.ts";
import { verdictText } from "#report/verdicts.ts";
import { spreadOf } from "#stats/spread.ts";

interface MetricColumn {
  readonly head: string;
  readonly metric: string;
  /** Whether repetitions show their range, which makes a column three times as wide. */
  readonly hasRange?: boolean;
}

const HEADLINE_COLUMNS: readonly MetricColumn[] = [
  { head: "Offered", metric: "offered_load" },
  { head: "Goodput", metric: "goodput", hasRange: true },
  { head: "SLO attainment", metric: "slo_attainment", hasRange: true },
  { head: "Latency p50", metric: "latency_p50" },
  { head: "p99", metric: "latency_p99", hasRange: true },
  { head: "p99.9", metric: "latency_p999" },
  { head: "max", metric: "latency_max" },
  { head: "Service time p99", metric: "service_time_p99" },
];

const scheduledOf = (run: ReportedRun): number =>
  run.analysis.outcomes.reduce((total, row) => total + row.count, 0);

const outcomeOf = (run: ReportedRun, outcome: string): number =>
  run.analysis.outcomes
    .filter((row) => row.outcome === outcome)
    .reduce((total, row) => total + row.count, 0);

const spreadText = (runs: readonly ReportedRun[], { metric, hasRange }: MetricColumn): string => {
  const found = runs
    .map((run) => run.analysis.metrics[metric])
    .filter((value) => value !== undefined);
  const spread = spreadOf(found.map((value) => value.value));
  const unit: MetricUnit | undefined = found[0]?.unit;
  if (spread === null || unit === undefined) return "–";
  const median = quantity(spread.median, unit);
  return hasRange !== true || quantity(spread.min, unit) === quantity(spread.max, unit)
    ? median
    : `${median} (${quantity(spread.min, unit)} to ${quantity(spread.max, unit)})`;
};

const rowCount = (runs: readonly ReportedRun[]): string => {
  const counts = runs.map(scheduledOf);
  const low = Math.min(...counts);
  const high = Math.max(...counts);
  return low === high ? grouped(low) : `${grouped(low)} to ${grouped(high)}`;
};

const stateMark = (runs: readonly ReportedRun[]): string => {
  const failed = runs.filter((run) => !run.isDone).length;
  if (failed === 0) return "";
  return runs.length === 1 ? " (not done)" : ` (${failed} of ${runs.length} not done)`;
};

/** What cannot be taken as it stands is bold. */
const verdictMark = (runs: readonly ReportedRun[]): string => {
  const text = verdictText(runs);
  return text === "VALID" ? text : `**${text}**`;
};

/** One row per point of the sweep; with repetitions, medians and ranges over the runs that can be trusted. */
export const headlineTable = (input: ReportInput): string => {
  const points = runsByPoint(input);
  const columns = [
    left(input.runs.some((run) => run.point.length > 0) ? "Point" : "Run"),
    ...HEADLINE_COLUMNS.map(({ head }) => right(head)),
    right("Requests"),
    left("Verdict"),
  ];
  const rows = points.map(({ label, runs }) => {
    const usable = runs.filter(isUsable);
    const cells = HEADLINE_COLUMNS.map((column) => spreadText(usable, column));
    const requests = usable.length === 0 ? "–" : rowCount(usable);
    return [`${label}${stateMark(runs)}`, ...cells, requests, verdictMark(runs)];
  });
  return table(columns, rows);
};

const perRun =
  (input: ReportInput, columns: readonly MetricColumn[]) =>
  (extra: { head: string; text: (run: ReportedRun) => string }): string =>
    table(
      [left("Run"), ...columns.map(({ head }) => right(head)), right(extra.head)],
      input.runs.map((run) => [
        markedLabel(input, run),
        ...columns.map(({ metric }) => metricText(run.analysis.metrics[metric])),
        extra.text(run),
      ]),
    );

const samplesOf = (run: ReportedRun, metric: string): string => {
  const samples = run.analysis.metrics[metric]?.samples;
  return samples === undefined ? "–" : grouped(samples);
};

/** One row per run: the headline's metrics without medians. */
export const runTable = (input: ReportInput): string =>
  perRun(input, HEADLINE_COLUMNS)({ head: "Requests", text: (run) => grouped(scheduledOf(run)) });

export const latencyTable = (input: ReportInput): string =>
  perRun(input, [
    { head: "Latency p50", metric: "latency_p50" },
    { head: "p99", metric: "latency_p99" },
    { head: "p99.9", metric: "latency_p999" },
    { head: "max", metric: "latency_max" },
    { head: "Service time p50", metric: "service_time_p50" },
    { head: "p99", metric: "service_time_p99" },
    { head: "At the controller p50", metric: "controller_latency_p50" },
    { head: "p99", metric: "controller_latency_p99" },
  ])({ head: "Successful responses", text: (run) => samplesOf(run, "latency_p50") });

export const systemTable = (input: ReportInput): string =>
  perRun(input, [
    { head: "Mean batch size", metric: "batch_size_mean" },
    { head: "GPU utilisation", metric: "gpu_utilisation" },
    { head: "PCIe utilisation", metric: "load_utilisation" },
    { head: "Cold starts", metric: "cold_start_share" },
    { head: "Goodput at the controller", metric: "controller_goodput" },
  ])({ head: "Infer actions", text: (run) => samplesOf(run, "batch_size_mean") });

/** Expected, scheduled, sent and dropped, with every outcome: no request goes missing between two columns. */
export const loadTable = (input: ReportInput): string => {
  const columns = [
    left("Run"),
    right("Cut before"),
    ...["Expected", "Scheduled", "Sent", "Dropped", "ok", "fail", "unknown"].map(right),
    right("Cut after"),
    right("Throughput"),
  ];
  const rows = input.runs.map((run) => {
    const { stored, metrics, view, whole } = run.analysis;
    const expected = stored?.expected_requests ?? null;
    const scheduled = scheduledOf(run);
    const dropped = outcomeOf(run, "dropped");
    return [
      markedLabel(input, run),
      whole === null ? "–" : grouped(whole.beforeWindow),
      expected === null ? "–" : grouped(Math.round(expected)),
      grouped(scheduled),
      view === "client" ? grouped(scheduled - dropped) : "–",
      view === "client" ? grouped(dropped) : "–",
      ...["ok", "fail", "unknown"].map((outcome) => grouped(outcomeOf(run, outcome))),
      whole === null ? "–" : grouped(whole.afterWindow),
      metricText(metrics["throughput"]),
    ];
  });
  return table(columns, rows);
};

/** How far the generators were from the schedule and from the network; "" where no client's log says. */
export const latenessTable = (input: ReportInput): string => {
  const runs = input.runs.filter((run) => run.analysis.metrics["send_lateness_p99"] !== undefined);
  const parts = ["p50", "p99", "p999", "max"];
  const heads = ["p50", "p99", "p99.9", "max"];
  const columns = [
    left("Run"),
    ...["Send", "Receive"].flatMap((way) =>
      heads.map((head, at) => right(at === 0 ? `${way} lateness ${head}` : head)),
    ),
  ];
  const rows = runs.map((run) => [
    markedLabel(input, run),
    ...["send_lateness", "receive_lateness"].flatMap((metric) =>
      parts.map((part) => metricText(run.analysis.metrics[`${metric}_${part}`])),
    ),
  ]);
  return rows.length === 0 ? "" : table(columns, rows);
};

const CODES: Readonly<Record<number, string>> = {
  0: "success",
  1: "error",
  2: "runtime error",
  4: "timeout",
  5: "initializing",
  6: "invalid request",
  7: "skipped by the controller",
  8: "too late for the controller",
  45: "not sent in time",
  51: "load weights late",
  53: "no free pages",
  54: "weights changed while loading",
  81: "execution late",
  82: "weights missing",
  84: "weights changed while executing",
};

/** Why requests did not succeed, by status code; "" when all did. */
export const failureTable = (input: ReportInput): string => {
  const rows = input.runs.flatMap((run) =>
    run.analysis.outcomes
      .filter((row) => row.outcome !== "ok")
      .map((row) => [
        markedLabel(input, run),
        row.outcome,
        row.result === null ? "no response" : `${row.result} ${CODES[row.result] ?? ""}`.trim(),
        grouped(row.count),
      ]),
  );
  return rows.length === 0
    ? ""
    : table([left("Run"), left("Outcome"), left("Status"), right("Requests")], rows);
};

const errorCells = (row: PredictionErrorRow): readonly string[] => [
  grouped(row.count),
  ...[row.p50Ns, row.p99Ns, row.p999Ns, row.maxNs].map((value) =>
    value === null ? "–" : duration(value),
  ),
];

const actionTotal = (run: ReportedRun, action: string, which: "succeeded" | "failed"): number =>
  run.analysis.actionCounts.find((row) => row.action === action)?.[which] ?? 0;

/** A direction in which nothing was off has no row, unless both are empty: then every prediction was exact. */
const withDirections = (rows: readonly PredictionErrorRow[]): readonly PredictionErrorRow[] =>
  rows.filter(
    (row) =>
      row.count > 0 ||
      (row.direction === "late" &&
        rows.every(
          (other) =>
            other.action !== row.action || other.quantity !== row.quantity || other.count === 0,
        )),
  );

/** How far predictions were off, late and early apart; exact ones are what is missing from both counts. */
export const predictionTable = (input: ReportInput): string => {
  const columns = [
    left("Run"),
    left("Action"),
    left("Predicted"),
    left("Direction"),
    ...["Actions", "p50", "p99", "p99.9", "max", "of successful", "failed beside"].map(right),
  ];
  const rows = input.runs.flatMap((run) =>
    withDirections(run.analysis.predictionErrors).map((row) => [
      markedLabel(input, run),
      row.action,
      row.quantity,
      row.direction,
      ...errorCells(row),
      grouped(actionTotal(run, row.action, "succeeded")),
      grouped(actionTotal(run, row.action, "failed")),
    ]),
  );
  return rows.length === 0 ? "" : table(columns, rows);
};
