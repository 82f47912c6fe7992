/** Builds the report of one results folder; the `report` command and the end of an experiment both call it. */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import {
  isExpectedExact,
  isSteady,
  sweptValue,
  systemFacts,
  workloadFacts,
} from "#cli/describe-run.ts";
import { EXIT, type ExitCode, UserError } from "#cli/exit-codes.ts";
import { shellWord } from "#cli/shell-word.ts";
import type { Plan, PlannedRun } from "#experiment/resolved.ts";
import { type Capacity, findCapacities, isAnswered, toSearchedRun } from "#judge/capacity.ts";
import { judgeCapacityChecks } from "#judge/capacity-checks.ts";
import { checkNames, judgeChecks } from "#judge/checks.ts";
import { judgeRun, type RunVerdict } from "#judge/verdict.ts";
import { analyse } from "#query/analyse.ts";
import type { Analysis, Dialect, RunAnalysis } from "#query/analysis.ts";
import { openResults, type ResultsSource } from "#query/results-folder.ts";
import { answerOf } from "#report/answer.ts";
import { checkLines } from "#report/checks.ts";
import { earlyEndLines } from "#report/early-ends.ts";
import { headlineOf } from "#report/headline.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";
import { type RenderedReport, renderReport } from "#report/report.ts";
import { verdictLines } from "#report/verdicts.ts";
import { fromStoredKeys } from "#stdx/stored-keys.ts";
import { FILES, type Manifest } from "#telemetry/results.ts";
import { countDispersion } from "#workload/dispersion.ts";

export interface BuildReportOptions {
  /** A results folder of ours, or any folder that holds Clockwork logs (never written to). */
  readonly folder: string;
  /** Where the report goes; a results folder of ours keeps it in its own `derived/` when absent. */
  readonly outDir?: string;
  /** How the controller's logs are to be read, whatever they seem to be. */
  readonly dialect?: Dialect;
}

export interface BuiltReport {
  /** The report a person should open: the results folder's `report.md`. */
  readonly reportPath: string;
  /** A few plain lines for the terminal: headline numbers, checks, runs that are not done. */
  readonly summaryLines: readonly string[];
  readonly checksPassed: number;
  /** Checks that do not hold or could not be evaluated. */
  readonly checksFailed: number;
  /** Runs whose final state is not `done`. */
  readonly runsFailed: number;
  /** Runs that are done and whose numbers cannot be trusted. */
  readonly runsInvalid: number;
}

const PROJECT_ROOT = resolve(import.meta.dir, "../..");

const isWithin = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way !== "" && !way.startsWith("..") && !isAbsolute(way);
};

/**
 * Shows paths in the project without the place where it lay when they were noted, so that a report does not change
 * when its folder moves to another clone.
 */
const shownFrom =
  (root: string) =>
  (path: string): string =>
    isWithin(root, path) ? relative(root, path) : path;

/** Opens the folder, or ends with the reason why it cannot be one. */
export const openResultsOrExit = (folder: string): ResultsSource => {
  const opened = openResults(folder);
  if (!opened.ok) throw new UserError(EXIT.BAD_INPUT, opened.error);
  return opened.value;
};

/** Where everything derived from a folder goes: its own `derived/`, or a place of ours for folders that are not. */
export const derivedFolderOf = (source: ResultsSource, outDir?: string): string => {
  if (outDir !== undefined) return resolve(outDir);
  if (source.kind === "ours") return join(source.folder, FILES.derived);
  const hash = createHash("sha256").update(source.folder).digest("hex").slice(0, 12);
  return join(PROJECT_ROOT, "results", "imported", hash);
};

const isDone = (run: RunAnalysis, kind: Analysis["kind"]): boolean =>
  kind === "foreign" || run.stored?.state === "done";

const plannedOf = (plan: Plan | null, run: RunAnalysis): PlannedRun | undefined =>
  plan?.runs.find(({ index }) => index === run.index);

const reportedRun = (
  analysis: Analysis,
  plan: Plan | null,
  { run, verdict }: { readonly run: RunAnalysis; readonly verdict: RunVerdict },
): ReportedRun => {
  const planned = plannedOf(plan, run);
  const shownPath = shownFrom(rootOf(analysis.manifest));
  return {
    analysis: run,
    point: (planned?.point ?? []).map(sweptValue),
    repetition: planned?.repetition ?? 1,
    isDone: isDone(run, analysis.kind),
    verdict: verdict.verdict,
    findings: verdict.findings,
    sloNs: planned?.system.sloNs ?? null,
    system: planned === undefined ? [] : systemFacts(planned.system, shownPath),
    workload: planned === undefined ? [] : workloadFacts(planned, analysis.manifest, shownPath),
  };
};

/** Where the project lay when the experiment was run; folders of before that was noted: where it lies now. */
const rootOf = (manifest: Manifest | null): string => manifest?.escapement.folder ?? PROJECT_ROOT;

/** A trace was looked up from the folder that the user was in: what was found there is what runs again. */
const overrideWord = (
  manifest: Manifest,
  { path, value }: Manifest["experiment"]["overrides"][number],
): string => {
  const trace = manifest.inputs.find(({ role }) => role === "trace");
  const isTrace = path === "workload.trace" && trace !== undefined;
  const shown = isTrace ? shownFrom(rootOf(manifest))(trace.path) : value;
  return `--set ${shellWord(`${path}=${shown}`)}`;
};

const reproduceCommand = (manifest: Manifest): string => {
  const words = [
    shellWord(shownFrom(rootOf(manifest))(manifest.experiment.path)),
    ...manifest.experiment.overrides
      .filter(({ path }) => path !== "seed")
      .map((override) => overrideWord(manifest, override)),
    `--seed ${manifest.seed}`,
  ];
  return `./run experiment ${words.join(" ")} --on ${shellWord(manifest.target)}`;
};

const rebuildCommand = (source: ResultsSource, dialect: Dialect | undefined): string => {
  const { manifest, folder } = source;
  const shown =
    manifest === null ? shownFrom(PROJECT_ROOT)(folder) : `results/${manifest.name}/${manifest.id}`;
  const told = dialect === undefined ? "" : ` --dialect ${dialect}`;
  return `./run report ${shellWord(shown)}${told}`;
};

export const verdictOf = (plan: Plan | null, run: RunAnalysis): RunVerdict => {
  const planned = plannedOf(plan, run);
  return judgeRun({
    analysis: run,
    isForeign: plan === null,
    sloNs: planned?.system.sloNs ?? null,
    isExpectedExact: planned !== undefined && isExpectedExact(planned.workload),
    countDispersion: planned === undefined ? null : countDispersion(planned.workload),
    isSteady: planned !== undefined && isSteady(planned.workload),
  });
};

const capacitiesOf = (plan: Plan | null, runs: readonly RunAnalysis[]): readonly Capacity[] =>
  plan === null
    ? []
    : findCapacities(
        plan,
        runs.map((run) => toSearchedRun(plan, run, verdictOf(plan, run))),
      );

/** A search repeats INVALID runs, or takes an overload for an answer: what the experiment claims is not about them. */
const isClaimedOn = (run: ReportedRun, capacities: readonly Capacity[]): boolean =>
  capacities.length === 0 || run.verdict !== "INVALID";

const judged = (plan: Plan | null, runs: readonly ReportedRun[]) =>
  judgeChecks(
    plan?.checks ?? [],
    runs.map(({ analysis, point, isDone, verdict }) => ({
      index: analysis.index,
      name: analysis.name,
      point,
      isDone,
      verdict,
      metrics: analysis.metrics,
    })),
  );

const reportInput = (
  source: ResultsSource,
  analysis: Analysis,
  dialect: Dialect | undefined,
): ReportInput => {
  const plan = analysis.plan === null ? null : (fromStoredKeys(analysis.plan) as Plan);
  const runs = analysis.runs.map((run) =>
    reportedRun(analysis, plan, { run, verdict: verdictOf(plan, run) }),
  );
  const capacities = capacitiesOf(plan, analysis.runs);
  const checks = [
    ...judged(
      plan,
      runs.filter((run) => isClaimedOn(run, capacities)),
    ),
    ...judgeCapacityChecks(plan?.checks ?? [], capacities),
  ];
  const { passed, failed } = checkNames(checks);
  return {
    analysis,
    title: analysis.manifest?.title ?? `Clockwork logs in ${analysis.folderName}`,
    question: analysis.manifest?.question ?? "",
    runs,
    repetitions: plan?.repetitions ?? 1,
    checks,
    checksPassed: passed,
    checksFailed: failed,
    capacities,
    headline: plan?.headline ?? null,
    reproduce: analysis.manifest === null ? null : reproduceCommand(analysis.manifest),
    rebuild: rebuildCommand(source, dialect),
    shownPath: shownFrom(rootOf(analysis.manifest)),
  };
};

/** Where the charts lie, seen from the folder of a report. */
const chartsFrom = (reportFolder: string, derived: string): string =>
  `${relative(reportFolder, join(derived, "charts")).replaceAll("\\", "/")}/`;

const writeReport = (source: ResultsSource, derived: string, rendered: RenderedReport): string => {
  const charts = join(derived, "charts");
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts, { recursive: true });
  for (const [name, svg] of rendered.charts) writeFileSync(join(charts, name), svg);
  const inside = join(derived, FILES.report);
  writeFileSync(inside, rendered.markdown(chartsFrom(derived, derived)));
  if (derived !== join(source.folder, FILES.derived)) return inside;
  const top = join(source.folder, FILES.report);
  writeFileSync(top, rendered.markdown(chartsFrom(dirname(top), derived)));
  return top;
};

/** `verdicts.json`: one entry per run, for programs. */
const writeVerdicts = (derived: string, runs: readonly ReportedRun[]): void => {
  const entries = runs.map(({ analysis, verdict, findings }) => ({
    run: analysis.index,
    name: analysis.name,
    verdict,
    findings,
  }));
  writeFileSync(join(derived, FILES.verdicts), `${JSON.stringify(entries, null, 2)}\n`);
};

const plain = (markdown: string): string => markdown.replaceAll(/\*\*|`/g, "");

const summaryOf = (input: ReportInput): readonly string[] =>
  [
    answerOf(input, headlineOf(input)),
    ...earlyEndLines(input),
    ...checkLines(input),
    ...verdictLines(input),
  ].map(plain);

/** Those of a search were repeated: they matter only where it found no answer for them. */
const invalidRuns = ({ runs, capacities }: ReportInput): number => {
  const isRepeated = capacities.length > 0 && capacities.every(isAnswered);
  return isRepeated ? 0 : runs.filter((run) => run.isDone && run.verdict === "INVALID").length;
};

const writeProblem = (error: unknown, derived: string): unknown => {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined || !["EACCES", "EROFS", "ENOSPC", "EPERM", "ENOTDIR"].includes(code)) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new UserError(
    EXIT.FAILED,
    `the report cannot be written to ${derived}: ${message}\ngive another place with --out DIR`,
  );
};

/** Reads, reconciles, computes, judges and writes the report; throws `UserError` (BAD_INPUT) for folders without logs. */
export const buildReport = async (options: BuildReportOptions): Promise<BuiltReport> => {
  const source = openResultsOrExit(options.folder);
  const derived = derivedFolderOf(source, options.outDir);
  if (
    source.kind === "foreign" &&
    (derived === source.folder || isWithin(source.folder, derived))
  ) {
    throw new UserError(
      EXIT.USAGE,
      `${derived} lies in ${source.folder}, which is not ours to write to: give another place with --out DIR`,
    );
  }
  try {
    const { dialect } = options;
    const told = dialect === undefined ? {} : { dialect };
    const analysis = await analyse({ source, dataFolder: join(derived, "data"), ...told });
    const input = reportInput(source, analysis, dialect);
    writeVerdicts(derived, input.runs);
    const reportPath = writeReport(source, derived, await renderReport(input));
    return {
      reportPath,
      summaryLines: summaryOf(input),
      checksPassed: input.checksPassed.length,
      checksFailed: input.checksFailed.length,
      runsFailed: input.runs.filter((run) => !run.isDone).length,
      runsInvalid: invalidRuns(input),
    };
  } catch (error) {
    throw writeProblem(error, derived);
  }
};

/** The exit code that a report stands for: failed and INVALID runs come before the checks that fail with them. */
export const exitCodeOf = (built: BuiltReport): ExitCode => {
  if (built.runsFailed > 0) return EXIT.RUN_FAILED;
  if (built.runsInvalid > 0) return EXIT.RUN_INVALID;
  return built.checksFailed > 0 ? EXIT.CHECK_FAILED : EXIT.OK;
};
