/** The whole report: one Markdown text and its charts, from typed rows; nothing is read and nothing is written here. */
import type { TopLevelSpec } from "vega-lite";
import { answerOf } from "#report/answer.ts";
import { batchSharesChart, batchSizesChart } from "#report/batch-chart.ts";
import { capacityCharts, capacitySection } from "#report/capacity.ts";
import { checksSection } from "#report/checks.ts";
import { earlyEndText } from "#report/early-ends.ts";
import { grouped, perSecond, plural } from "#report/format.ts";
import { headlineOf } from "#report/headline.ts";
import { type HeadlineChart, headlineChart } from "#report/headline-chart.ts";
import {
  evenlyChosen,
  pointLabel,
  runLabel,
  runNumber,
  shortLabel,
  withVerdict,
} from "#report/labels.ts";
import { latencyCdfChart } from "#report/latency-chart.ts";
import { machineSection } from "#report/machine.ts";
import { details, image, paragraphs } from "#report/markdown.ts";
import { isUsable, type ReportedRun, type ReportInput } from "#report/model.ts";
import { overTimeChart } from "#report/over-time-chart.ts";
import { dataSection, reproduceSection, whatSection } from "#report/sections.ts";
import { simulationNotice } from "#report/simulation.ts";
import { renderSvg } from "#report/svg.ts";
import {
  failureTable,
  headlineTable,
  latencyTable,
  latenessTable,
  loadTable,
  predictionTable,
  runTable,
  systemTable,
} from "#report/tables.ts";
import { verdictLine, verdictSection } from "#report/verdicts.ts";

/** Beyond this many lines a distribution chart is a thicket; so many have a colour of their own. */
const CDF_LINES = 6;
/** Beyond this many bars a chart no longer fits a page. */
const BATCH_BARS = 24;
/** Beyond this many rows a table per run is folded. */
const OPEN_ROWS = 12;
/** Runs whose charts stand open; those of further runs are folded. */
const OPEN_RUNS = 3;

interface NamedChart {
  readonly file: string;
  readonly alt: string;
  readonly spec: TopLevelSpec;
}

interface Charts {
  readonly headline: NamedChart | null;
  readonly capacities: readonly (readonly NamedChart[])[];
  readonly cdf: NamedChart | null;
  readonly batchSizes: NamedChart | null;
  readonly overTime: ReadonlyMap<number, NamedChart>;
}

const withRequests = (runs: readonly ReportedRun[]): readonly ReportedRun[] =>
  runs.filter((run) => run.analysis.latencyTail.length > 0);

interface ShownRuns {
  readonly runs: readonly { readonly label: string; readonly run: ReportedRun }[];
  /** What is left out, in words; "" when nothing is. */
  readonly note: string;
}

/** Of each point of a sweep one run stands in a chart; beyond `most`, runs spread evenly over all of them. */
const shownRuns = (input: ReportInput, usable: readonly ReportedRun[], most: number): ShownRuns => {
  const isSweep = input.runs.some((run) => run.point.length > 0);
  const isThinned = isSweep && input.repetitions > 1;
  const runs = isThinned
    ? [...Map.groupBy(usable, (run) => pointLabel(run)).values()].flatMap(
        (group) => group.find(isUsable) ?? group.slice(0, 1),
      )
    : usable;
  const shown = evenlyChosen(runs, most);
  const notes = [
    isThinned ? "one repetition of each" : "",
    shown.length < runs.length ? `${shown.length} of ${runs.length} shown` : "",
  ];
  return {
    runs: shown.map((run) => ({
      label: withVerdict(isThinned ? pointLabel(run) : runLabel(input, run), run),
      run,
    })),
    note: notes.filter((note) => note !== "").join(", "),
  };
};

const cdfOf = (input: ReportInput): NamedChart | null => {
  const shown = shownRuns(input, withRequests(input.runs).filter(isUsable), CDF_LINES);
  if (shown.runs.length === 0) return null;
  const samples = shown.runs.reduce(
    (sum, { run }) => sum + (run.analysis.metrics["latency_p50"]?.samples ?? 0),
    0,
  );
  const slos = new Set(shown.runs.map(({ run }) => run.sloNs));
  const uprights = slos.size > 1 ? "dashed uprights: the SLO of each" : "";
  const invalid = withRequests(input.runs).filter((run) => !isUsable(run)).length;
  const leftOut = invalid > 0 ? `${plural(invalid, "run")} INVALID, left out` : "";
  const parts = [plural(samples, "response"), shown.note, uprights];
  return {
    file: "latency-cdf.svg",
    alt: "Distribution of latency with an axis of nines",
    spec: latencyCdfChart({
      title: "Latency of successful responses",
      subtitle: [parts.filter((part) => part !== "").join("; "), leftOut].filter(
        (line) => line !== "",
      ),
      series: shown.runs.map(({ label, run }) => ({
        label: shortLabel(label),
        points: run.analysis.latencyTail,
        sloNs: run.sloNs,
      })),
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
        isUsable(run)
          ? `${label}${offered} offered, ${goodput} in time; in steps of ${every}`
          : `${label}INVALID: for finding out why, not for its numbers; in steps of ${every}`,
        "the gap between the two lines missed its SLO",
      ],
      intervals,
      window,
    }),
  };
};

/** One run as bars by size, several as one bar each. */
const batchSizesOf = (input: ReportInput): NamedChart | null => {
  const usable = input.runs.filter((run) => run.analysis.batchSizes.length > 0);
  const { runs, note } = shownRuns(input, usable, BATCH_BARS);
  const rows = runs.map(({ label, run }) => ({
    label: shortLabel(label),
    sizes: run.analysis.batchSizes,
    verdict: run.verdict,
  }));
  const [only] = rows;
  if (only === undefined) return null;
  const actions = only.sizes.reduce((sum, row) => sum + row.actions, 0);
  const requests = only.sizes.reduce((sum, row) => sum + row.requests, 0);
  const file = "batch-sizes.svg";
  const title = "Batch sizes";
  if (rows.length > 1) {
    const subtitle = `successful infer actions in the measurement window${note === "" ? "" : `; ${note}`}`;
    return { file, alt: title, spec: batchSharesChart({ title, subtitle, runs: rows }) };
  }
  const mark = only.verdict === "VALID" ? "" : `${only.verdict}: `;
  const subtitle = `${mark}${grouped(actions)} successful infer actions with ${plural(requests, "request")}`;
  return { file, alt: title, spec: batchSizesChart({ title, subtitle, runs: rows }) };
};

const overTimeByRun = (input: ReportInput): ReadonlyMap<number, NamedChart> =>
  new Map(
    input.runs.flatMap((run) => {
      const chart = overTimeOf(input, run);
      return chart === null ? [] : [[run.analysis.index, chart] as const];
    }),
  );

const chartsOf = (input: ReportInput, headline: HeadlineChart | null): Charts => ({
  headline:
    headline === null
      ? null
      : { file: "headline.svg", alt: headline.title, spec: headlineChart(headline) },
  capacities: capacityCharts(input),
  cdf: cdfOf(input),
  batchSizes: batchSizesOf(input),
  overTime: overTimeByRun(input),
});

const show = (chart: NamedChart | null | undefined, folder: string): string =>
  chart === null || chart === undefined ? "" : image(chart.alt, `${folder}${chart.file}`);

/**
 * Without a headline, several runs are shown by their distributions, and one by its course; nothing of an INVALID run
 * stands at the top.
 */
const topFigure = (input: ReportInput, charts: Charts): NamedChart | null => {
  const usable = input.runs.find((run) => isUsable(run) && charts.overTime.has(run.analysis.index));
  const course = usable === undefined ? null : (charts.overTime.get(usable.analysis.index) ?? null);
  if (input.capacities.length > 0 && charts.headline === null) return null;
  return charts.headline ?? (input.runs.length > 1 ? charts.cdf : course) ?? course;
};

const perRun = (input: ReportInput, rows: string): string =>
  input.runs.length > OPEN_ROWS ? details(`All ${input.runs.length} runs`, rows) : rows;

const shortSamples = (input: ReportInput): string => {
  const short = withRequests(input.runs).filter(
    (run) => (run.analysis.metrics["latency_p999"]?.samples ?? 0) < 1000,
  );
  return short.length === 0
    ? ""
    : "Below 1,000 successful responses p99.9 is the maximum, below 100 p99 is.";
};

const latencySection = (input: ReportInput, charts: Charts, folder: string): string =>
  paragraphs([
    "## Latency",
    topFigure(input, charts) === charts.cdf ? "" : show(charts.cdf, folder),
    perRun(input, latencyTable(input)),
    `Percentiles are exact, over all successful responses of the measurement window, of all generators together. ${shortSamples(input)}`.trim(),
  ]);

const loadSection = (input: ReportInput): string => {
  const failures = failureTable(input);
  const lateness = latenessTable(input);
  return paragraphs([
    "## Load and outcomes",
    perRun(input, loadTable(input)),
    "Expected: what the arrival process announced for the measurement window (a mean where arrivals are drawn; none for closed loops). Dropped requests were due but never sent. Cut: scheduled before and after the window, in warm-up and cool-down, and in no number of this report.",
    failures === "" ? "" : paragraphs(["Requests that did not succeed:", perRun(input, failures)]),
    lateness === ""
      ? ""
      : paragraphs([
          "Send lateness is how long after it was due a request was sent, and part of its latency; receive lateness goes from the controller's write of a response to its reading, network included.",
          perRun(input, lateness),
        ]),
  ]);
};

const systemSection = (input: ReportInput, charts: Charts, folder: string): string =>
  paragraphs([
    "## Batches, GPUs and cold starts",
    show(charts.batchSizes, folder),
    perRun(input, systemTable(input)),
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

const runSections = (input: ReportInput, charts: Charts, folder: string): string => {
  // The course of one run stands at the top, unless it is INVALID.
  if (input.runs.length < 2 && topFigure(input, charts) !== null) return "";
  const sections = input.runs.map((run, position) => {
    const body = show(charts.overTime.get(run.analysis.index), folder);
    const title = runLabel(input, run);
    if (body === "") return paragraphs([`### ${title}`, "No requests were recorded."]);
    return position < OPEN_RUNS
      ? paragraphs([`### ${title}`, body])
      : details(`<b>${title}</b>`, body);
  });
  const all = input.repetitions > 1 ? perRun(input, runTable(input)) : "";
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
  folder: string,
): string => {
  const { charts, headline } = made;
  const note =
    input.repetitions > 1
      ? "Medians over the repetitions; in brackets the range, for every run see below. "
      : "";
  return `${paragraphs([
    `# ${input.title}`,
    input.question === "" ? "" : `*${input.question}*`,
    simulationNotice(input),
    answerOf(input, headline),
    verdictLine(input),
    earlyEndText(input),
    show(topFigure(input, charts), folder),
    capacitySection(input, charts.capacities, folder),
    input.capacities.length > 0 ? "## All loads that were tried" : "",
    headlineTable(input),
    `${note}Latency counts from ${latencyStart(input)}, over successful responses; service time from when it was sent. SLO attainment is over all scheduled requests.`,
    checksSection(input),
    verdictSection(input),
    whatSection(input),
    loadSection(input),
    latencySection(input, charts, folder),
    systemSection(input, charts, folder),
    predictionSection(input),
    machineSection(input),
    runSections(input, charts, folder),
    dataSection(input),
    reproduceSection(input),
  ])}\n`;
};

/** A report's files: charts by name, and the Markdown for a place from which the charts lie in `folder` ("charts/"). */
export interface RenderedReport {
  readonly charts: ReadonlyMap<string, string>;
  readonly markdown: (folder: string) => string;
}

/** Renders the report. The same input gives the same bytes. */
export const renderReport = async (input: ReportInput): Promise<RenderedReport> => {
  const headline = headlineOf(input);
  const charts = chartsOf(input, headline);
  const svgs = new Map<string, string>();
  const all = [
    charts.headline,
    ...charts.capacities.flat(),
    charts.cdf,
    charts.batchSizes,
    ...charts.overTime.values(),
  ];
  for (const chart of all) if (chart !== null) svgs.set(chart.file, await renderSvg(chart.spec));
  return {
    charts: svgs,
    markdown: (folder) => markdownOf(input, { charts, headline }, folder),
  };
};
