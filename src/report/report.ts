/** The whole report: one Markdown text and its charts, from typed rows; nothing is read and nothing is written here. */
import type { TopLevelSpec } from "vega-lite";
import { answerOf } from "#report/answer.ts";
import { batchSharesChart, batchSizesChart } from "#report/batch-chart.ts";
import { grouped, perSecond, plural } from "#report/format.ts";
import { headlineOf } from "#report/headline.ts";
import { type HeadlineChart, headlineChart } from "#report/headline-chart.ts";
import { runLabel, runNumber } from "#report/labels.ts";
import { type CdfSeries, latencyCdfChart } from "#report/latency-chart.ts";
import { details, image, paragraphs } from "#report/markdown.ts";
import type { ReportedRun, ReportInput, ReportLinks } from "#report/model.ts";
import { overTimeChart } from "#report/over-time-chart.ts";
import {
  checksSection,
  dataSection,
  doubtsSection,
  reproduceSection,
  whatSection,
} from "#report/sections.ts";
import { renderSvg } from "#report/svg.ts";
import {
  failureTable,
  headlineTable,
  latencyTable,
  loadTable,
  predictionTable,
  runTable,
  systemTable,
} from "#report/tables.ts";

/** Beyond this many lines a distribution chart is a thicket. */
const CDF_LINES = 12;
/** Runs whose charts stand open; those of further runs are folded. */
const OPEN_RUNS = 3;

interface NamedChart {
  readonly file: string;
  readonly alt: string;
  readonly spec: TopLevelSpec;
}

interface Charts {
  readonly headline: NamedChart | null;
  readonly cdf: NamedChart | null;
  readonly batchShares: NamedChart | null;
  readonly overTime: ReadonlyMap<number, NamedChart>;
  readonly batchSizes: ReadonlyMap<number, NamedChart>;
}

const withRequests = (runs: readonly ReportedRun[]): readonly ReportedRun[] =>
  runs.filter((run) => run.analysis.latencyTail.length > 0);

const cdfSeries = (input: ReportInput, run: ReportedRun): CdfSeries => ({
  label: runLabel(input, run),
  points: run.analysis.latencyTail,
  sloNs: run.sloNs,
});

const cdfOf = (input: ReportInput): NamedChart | null => {
  const isSweep = input.runs.some((run) => run.point.length > 0);
  const runs = withRequests(input.runs).filter((run) => !isSweep || run.repetition === 1);
  const shown = runs.slice(0, CDF_LINES);
  if (shown.length === 0) return null;
  const samples = shown.reduce(
    (sum, run) => sum + (run.analysis.metrics["latency_p50"]?.samples ?? 0),
    0,
  );
  const first = isSweep && input.repetitions > 1 ? ", first repetition" : "";
  const some =
    runs.length > shown.length ? `; the first ${shown.length} of ${runs.length} runs` : "";
  return {
    file: "latency-cdf.svg",
    alt: "Distribution of latency with an axis of nines",
    spec: latencyCdfChart({
      title: "Latency of successful responses",
      subtitle: `${plural(samples, "response")}${first}${some}`,
      seriesTitle: null,
      series: shown.map((run) => cdfSeries(input, run)),
    }),
  };
};

const overTimeOf = (input: ReportInput, run: ReportedRun): NamedChart | null => {
  const { intervals, window, metrics } = run.analysis;
  const [first] = intervals;
  if (window === null || first === undefined) return null;
  const offered = perSecond(metrics["offered_load"]?.value ?? 0);
  const goodput = perSecond(metrics["goodput"]?.value ?? 0);
  const label = input.runs.length > 1 ? `${runLabel(input, run)}: ` : "";
  const every = first.lengthNs >= 1e9 ? `${first.lengthNs / 1e9} s` : `${first.lengthNs / 1e6} ms`;
  return {
    file: `${runNumber(run)}-over-time.svg`,
    alt: `Offered load and goodput over time, ${runLabel(input, run)}`,
    spec: overTimeChart({
      title: "Offered load and goodput over time",
      subtitle: [
        `${label}${offered} offered, ${goodput} in time; in steps of ${every}`,
        "the gap between the two lines missed its SLO",
      ],
      intervals,
      window,
    }),
  };
};

const batchSizesOf = (input: ReportInput, run: ReportedRun): NamedChart | null => {
  const { batchSizes } = run.analysis;
  if (batchSizes.length === 0) return null;
  const actions = batchSizes.reduce((sum, row) => sum + row.actions, 0);
  const requests = batchSizes.reduce((sum, row) => sum + row.requests, 0);
  const label = input.runs.length > 1 ? `${runLabel(input, run)}: ` : "";
  return {
    file: `${runNumber(run)}-batch-sizes.svg`,
    alt: `Batch sizes, ${runLabel(input, run)}`,
    spec: batchSizesChart({
      title: "Batch sizes",
      subtitle: `${label}${grouped(actions)} successful infer actions with ${plural(requests, "request")}`,
      runs: [{ label: runLabel(input, run), sizes: batchSizes }],
    }),
  };
};

const batchSharesOf = (input: ReportInput): NamedChart | null => {
  const runs = input.runs.filter((run) => run.analysis.batchSizes.length > 0);
  if (runs.length < 2) return null;
  return {
    file: "batch-sizes.svg",
    alt: "Batch sizes of every run",
    spec: batchSharesChart({
      title: "Batch sizes",
      subtitle: "successful infer actions in the measurement window",
      runs: runs.map((run) => ({ label: runLabel(input, run), sizes: run.analysis.batchSizes })),
    }),
  };
};

const chartsByRun = (
  input: ReportInput,
  make: (input: ReportInput, run: ReportedRun) => NamedChart | null,
): ReadonlyMap<number, NamedChart> =>
  new Map(
    input.runs.flatMap((run) => {
      const chart = make(input, run);
      return chart === null ? [] : [[run.analysis.index, chart] as const];
    }),
  );

const chartsOf = (input: ReportInput, headline: HeadlineChart | null): Charts => ({
  headline:
    headline === null
      ? null
      : { file: "headline.svg", alt: headline.title, spec: headlineChart(headline) },
  cdf: cdfOf(input),
  batchShares: batchSharesOf(input),
  overTime: chartsByRun(input, overTimeOf),
  batchSizes: chartsByRun(input, batchSizesOf),
});

const show = (chart: NamedChart | null | undefined, links: ReportLinks): string =>
  chart === null || chart === undefined ? "" : image(chart.alt, `${links.charts}${chart.file}`);

/** Without a headline, several runs are shown by their distributions, and one by its course. */
const topFigure = (input: ReportInput, charts: Charts): NamedChart | null => {
  const course = [...charts.overTime.values()][0] ?? null;
  return charts.headline ?? (input.runs.length > 1 ? charts.cdf : course) ?? course;
};

const shortSamples = (input: ReportInput): string => {
  const short = withRequests(input.runs).filter(
    (run) => (run.analysis.metrics["latency_p999"]?.samples ?? 0) < 1000,
  );
  return short.length === 0
    ? ""
    : "Below 1,000 successful responses p99.9 is the maximum, below 100 p99 is.";
};

const latencySection = (input: ReportInput, charts: Charts, links: ReportLinks): string =>
  paragraphs([
    "## Latency",
    topFigure(input, charts) === charts.cdf ? "" : show(charts.cdf, links),
    latencyTable(input),
    `Percentiles are exact, over all successful responses of the measurement window. ${shortSamples(input)}`.trim(),
  ]);

const loadSection = (input: ReportInput): string => {
  const failures = failureTable(input);
  return paragraphs([
    "## Load and outcomes",
    loadTable(input),
    "Expected: what the arrival process announced for the measurement window (a mean where arrivals are Poisson; none for closed loops). Dropped requests were due but never sent.",
    failures === "" ? "" : paragraphs(["Requests that did not succeed:", failures]),
  ]);
};

const systemSection = (input: ReportInput, charts: Charts, links: ReportLinks): string =>
  paragraphs([
    "## Batches, GPUs and cold starts",
    charts.batchShares === null
      ? show([...charts.batchSizes.values()][0], links)
      : show(charts.batchShares, links),
    systemTable(input),
  ]);

const predictionSection = (input: ReportInput): string => {
  const rows = predictionTable(input);
  if (rows === "") return "";
  const note =
    "Actual − predicted, over successful actions: *late* when it took longer or ended later than predicted, *early* when less or sooner. A direction without a row has no action; exact predictions are in neither. Failed actions have no error and are counted beside.";
  return paragraphs([
    "## Prediction error",
    note,
    input.runs.length > OPEN_RUNS ? details("All runs", rows) : rows,
  ]);
};

const runSections = (input: ReportInput, charts: Charts, links: ReportLinks): string => {
  if (input.runs.length < 2) return "";
  const sections = input.runs.map((run, position) => {
    const body = paragraphs([
      show(charts.overTime.get(run.analysis.index), links),
      show(charts.batchSizes.get(run.analysis.index), links),
    ]);
    const title = runLabel(input, run);
    if (body === "") return paragraphs([`### ${title}`, "No requests were recorded."]);
    return position < OPEN_RUNS
      ? paragraphs([`### ${title}`, body])
      : details(`<b>${title}</b>`, body);
  });
  const all = input.repetitions > 1 ? runTable(input) : "";
  return paragraphs(["## Run by run", all, ...sections]);
};

const latencyStart = (input: ReportInput): string => {
  const scheduled = "the instant a request was scheduled";
  const arrived = "a request's arrival at the controller";
  const views = new Set(input.runs.map((run) => run.analysis.view));
  if (!views.has("controller")) return scheduled;
  return views.has("client")
    ? `${scheduled}, or ${arrived} where there is no client's log`
    : arrived;
};

const markdownOf = (
  input: ReportInput,
  made: { readonly charts: Charts; readonly headline: HeadlineChart | null },
  links: ReportLinks,
): string => {
  const { charts, headline } = made;
  const definitions = links.docs === null ? "" : ` ([definitions](${links.docs}metrics.md))`;
  const note =
    input.repetitions > 1 ? "Medians over the repetitions, with their range in brackets. " : "";
  return `${paragraphs([
    `# ${input.title}`,
    input.question === "" ? "" : `*${input.question}*`,
    answerOf(input, headline),
    show(topFigure(input, charts), links),
    headlineTable(input),
    `${note}Latency counts from ${latencyStart(input)}, over successful responses; SLO attainment is over all scheduled requests${definitions}.`,
    checksSection(input),
    doubtsSection(input),
    whatSection(input),
    loadSection(input),
    latencySection(input, charts, links),
    systemSection(input, charts, links),
    predictionSection(input),
    runSections(input, charts, links),
    dataSection(input),
    reproduceSection(input, links),
  ])}\n`;
};

/** A report's files: charts by name, and the Markdown for any place that the links fit. */
export interface RenderedReport {
  readonly charts: ReadonlyMap<string, string>;
  readonly markdown: (links: ReportLinks) => string;
}

/** Renders the report. The same input gives the same bytes. */
export const renderReport = async (input: ReportInput): Promise<RenderedReport> => {
  const headline = headlineOf(input);
  const charts = chartsOf(input, headline);
  const svgs = new Map<string, string>();
  const all = [
    charts.headline,
    charts.cdf,
    charts.batchShares,
    ...charts.overTime.values(),
    ...charts.batchSizes.values(),
  ];
  for (const chart of all) if (chart !== null) svgs.set(chart.file, await renderSvg(chart.spec));
  return {
    charts: svgs,
    markdown: (links) => markdownOf(input, { charts, headline }, links),
  };
};
