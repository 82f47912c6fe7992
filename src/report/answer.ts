/** The report's first paragraph: what came out, in two or three sentences. */

import { capacityAnswer } from "#report/capacity.ts";
import { duration, grouped, percentage, perSecond, plural, quantity } from "#report/format.ts";
import type { HeadlineChart, HeadlinePoint } from "#report/headline-chart.ts";
import { runLabel } from "#report/labels.ts";
import { isUsable, type ReportedRun, type ReportInput } from "#report/model.ts";
import { spreadOf } from "#stats/spread.ts";

const scheduledOf = (run: ReportedRun): number =>
  run.analysis.outcomes.reduce((total, row) => total + row.count, 0);

/** One run: how many requests, how many in time, how fast. */
const describeRun = (run: ReportedRun): string => {
  const { metrics, window } = run.analysis;
  const count = scheduledOf(run);
  if (window === null || count === 0) return "No request was measured.";
  const attainment = metrics["slo_attainment"]?.value ?? 0;
  const slo = run.sloNs === null ? "their SLO" : `their SLO of ${duration(run.sloNs)}`;
  const seconds = duration(window.measureEndNs - window.measureStartNs);
  const share =
    attainment === 1 ? "all were answered" : `**${percentage(attainment)}** were answered`;
  const offered = perSecond(metrics["offered_load"]?.value ?? 0);
  const goodput = perSecond(metrics["goodput"]?.value ?? 0);
  const latency =
    metrics["latency_p50"] === undefined
      ? "No request succeeded."
      : `Latency of the successful ones: median ${duration(metrics["latency_p50"].value)}, p99 ${duration(metrics["latency_p99"]?.value ?? 0)}, maximum ${duration(metrics["latency_max"]?.value ?? 0)}.`;
  return `Of ${plural(count, "request")} offered over ${seconds} (${offered}), ${share} within ${slo}: a goodput of **${goodput}**. ${latency}`;
};

const pointsWord = (chart: HeadlineChart, point: HeadlinePoint): string =>
  [`${chart.xTitle} ${point.xLabel}`, point.series].filter((word) => word !== "").join(", ");

/** A sweep: the ends of the curve, and what lies beyond both of them. */
const describeSweep = (chart: HeadlineChart): string => {
  const [first] = chart.medians;
  const last = chart.medians.at(-1);
  if (first === undefined || last === undefined) return "";
  const show = (value: number): string => `**${quantity(value, chart.unit)}**`;
  if (first === last) {
    return `${chart.metricTitle} is ${show(first.value)} at ${chart.xTitle} ${first.xLabel}.`;
  }
  const motion =
    last.value > first.value ? "rises" : last.value < first.value ? "falls" : "stays the same";
  const best = chart.medians.reduce((a, b) => (b.value > a.value ? b : a));
  const worst = chart.medians.reduce((a, b) => (b.value < a.value ? b : a));
  const peak =
    best.value === Math.max(first.value, last.value)
      ? ""
      : `, with its highest value of ${show(best.value)} at ${best.xLabel}`;
  const trough =
    worst.value === Math.min(first.value, last.value)
      ? ""
      : `${peak === "" ? ", with" : " and"} its lowest of ${show(worst.value)} at ${worst.xLabel}`;
  return `${chart.metricTitle} ${motion} from ${show(first.value)} at ${chart.xTitle} ${first.xLabel} to ${show(last.value)} at ${last.xLabel}${peak}${trough}.`;
};

/** More curves than this are told by their extremes. */
const TOLD_SERIES = 3;

const describeExtremes = (chart: HeadlineChart): string => {
  const tell = (point: HeadlinePoint): string =>
    `**${quantity(point.value, chart.unit)}** (${pointsWord(chart, point)})`;
  const best = chart.medians.reduce((a, b) => (b.value > a.value ? b : a));
  const worst = chart.medians.reduce((a, b) => (b.value < a.value ? b : a));
  return `${chart.metricTitle} lies between ${tell(worst)} and ${tell(best)}.`;
};

const describeSeries = (chart: HeadlineChart): string => {
  const series = [...new Set(chart.medians.map((point) => point.series))];
  if (series.length <= 1) return describeSweep(chart);
  if (series.length > TOLD_SERIES) return describeExtremes(chart);
  return series
    .map((name) => {
      const medians = chart.medians.filter((point) => point.series === name);
      return `With ${name}: ${describeSweep({ ...chart, medians })}`;
    })
    .join(" ");
};

/** "5.00/s", or "from 5.00/s to 7.00/s" where runs differ; null when none has the metric. */
const rangeOf = (runs: readonly ReportedRun[], metric: string): string | null => {
  const found = runs
    .map((run) => run.analysis.metrics[metric])
    .filter((value) => value !== undefined);
  const spread = spreadOf(found.map(({ value }) => value));
  const unit = found[0]?.unit;
  if (spread === null || unit === undefined) return null;
  const [low, high] = [quantity(spread.min, unit), quantity(spread.max, unit)];
  return low === high ? `**${low}**` : `from **${low}** to **${high}**`;
};

const describeMany = (runs: readonly ReportedRun[]): string => {
  const total = runs.reduce((sum, run) => sum + scheduledOf(run), 0);
  const goodput = rangeOf(runs, "goodput");
  const attainment = rangeOf(runs, "slo_attainment");
  if (goodput === null || attainment === null) return "No request was measured.";
  return `${grouped(total)} requests in ${plural(runs.length, "run")}: goodput ${goodput}, SLO attainment ${attainment}.`;
};

/** A claim that nobody could look at does not hold either, but for another reason. */
const describeChecks = (input: ReportInput): string => {
  const { checksPassed: passed, checksFailed: failed } = input;
  const count = passed.length + failed.length;
  if (count === 0) return "";
  if (failed.length === 0) return count === 1 ? "The check holds." : `All ${count} checks hold.`;
  const isBroken = (name: string): boolean =>
    input.checks.some((result) => result.check === name && result.status === "fail");
  const tell = (names: readonly string[], one: string, several: string): string =>
    names.length === 0
      ? ""
      : `${names.length} of ${plural(count, "check")} ${names.length === 1 ? one : several}: ${names.map((name) => `\`${name}\``).join(", ")}.`;
  const parts = [
    tell(failed.filter(isBroken), "does not hold", "do not hold"),
    tell(
      failed.filter((name) => !isBroken(name)),
      "was not evaluated on every run",
      "were not evaluated on every run",
    ),
  ];
  return `**${parts.filter((part) => part !== "").join(" ")}**`;
};

const describeFailures = (input: ReportInput): string => {
  const failed = input.runs.filter((run) => !run.isDone).length;
  return failed === 0 ? "" : `**${failed} of ${plural(input.runs.length, "run")} did not finish.**`;
};

/** An overload that makes a run INVALID is an answer to a search. */
const isAnswer = ({ capacities }: ReportInput, { analysis }: ReportedRun): boolean =>
  capacities.some(({ trials }) =>
    trials.some(
      ({ run, observation }) => run.index === analysis.index && observation.kind === "missed",
    ),
  );

/** Runs that finished and cannot be trusted, which the figures before leave out. */
const describeInvalid = (input: ReportInput): string => {
  const count = input.runs.filter(
    (run) => run.isDone && !isUsable(run) && !isAnswer(input, run),
  ).length;
  if (count === 0 || !input.runs.some(isUsable)) return "";
  return `**${count} of ${plural(input.runs.length, "run")} ${count === 1 ? "is" : "are"} INVALID and left out of this.**`;
};

const noAnswer = (input: ReportInput): string => {
  const done = input.runs.filter((run) => run.isDone);
  const [first] = done;
  if (first === undefined) return "No run finished, so there is no answer.";
  const why = `${first.findings[0]?.evidence ?? ""}. Remedy: ${first.findings[0]?.remedy ?? ""}.`;
  if (done.length === 1) return `**There is no headline: the run is INVALID.** Why: ${why}`;
  return `**There is no headline: all ${done.length} finished runs are INVALID.** The first one because ${why}`;
};

/** The answer as one paragraph. */
export const answerOf = (input: ReportInput, headline: HeadlineChart | null): string => {
  const usable = input.runs.filter(isUsable);
  const [only] = usable;
  const result =
    input.capacities.length > 0
      ? capacityAnswer(input)
      : only === undefined
        ? noAnswer(input)
        : usable.length === 1
          ? `${input.runs.length > 1 ? `${runLabel(input, only)}: ` : ""}${describeRun(only)}`
          : headline === null
            ? describeMany(usable)
            : describeSeries(headline);
  return [result, describeChecks(input), describeInvalid(input), describeFailures(input)]
    .filter((sentence) => sentence !== "")
    .join(" ");
};
