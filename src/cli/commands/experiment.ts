/** The `experiment` command, the main job: from an experiment file to its report. */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { buildReport, exitCodeOf } from "#cli/build-report.ts";
import type { CliContext } from "#cli/context.ts";
import { EXIT, type ExitCode, UserError } from "#cli/exit-codes.ts";
import { followLauncher } from "#cli/follow-launcher.ts";
import { endOnInterrupt, takeInterrupts } from "#cli/interrupts.ts";
import { type LoadedExperiment, type LoadOptions, loadExperiment } from "#cli/load-experiment.ts";
import { ProgressView } from "#cli/progress.ts";
import { findRateProblems } from "#cli/rate-limit.ts";
import { repeatCommand } from "#cli/repeat-command.ts";
import { findResultsFolder } from "#cli/results-lookup.ts";
import { RunSearch } from "#cli/search-runs.ts";
import { shellWord } from "#cli/shell-word.ts";
import { showPlan } from "#cli/show-plan.ts";
import { simulationInputs } from "#cli/simulation-inputs.ts";
import { asTyped } from "#experiment/override.ts";
import { formatProblems } from "#experiment/problem.ts";
import type { Plan } from "#experiment/resolved.ts";
import { startClock, toAbsolute } from "#host/clock.ts";
import { measureGeneratorLimit } from "#host/generator-limit.ts";
import { readCodeFacts } from "#host/host-facts.ts";
import { openLocalHost } from "#remote/local.ts";
import {
  createResultsFolder,
  openResultsFolder,
  type ResultsFolder,
} from "#runner/results-folder.ts";
import { resumeRefusals } from "#runner/resume.ts";
import type { RoleProgram } from "#runner/role-commands.ts";
import { type ExperimentOutcome, runExperiment } from "#runner/run-experiment.ts";

/** How long the supervisor on this machine outlives the runner, and how long SIGTERM has before SIGKILL. */
const LOCAL_LEASE_MS = 2000;
const LOCAL_GRACE_MS = 1000;

/** Where runs take place. */
type Target = "local" | "sim";

interface ExperimentFlags {
  /** Absent: where the results that are resumed were made, or on this machine. */
  readonly on?: Target;
  readonly set: readonly string[];
  readonly seed?: string;
  readonly plan?: true;
  readonly resume?: string;
  readonly results?: string;
  /** False with `--no-report`. */
  readonly report: boolean;
}

const TARGETS: readonly Target[] = ["local", "sim"];

const parseTarget = (text: string): Target => {
  const target = TARGETS.find((each) => each === text);
  if (target !== undefined) return target;
  throw new InvalidArgumentError(
    text.split(":")[0] === "ssh"
      ? 'The target "ssh" is not available yet; "local" and "sim" are.'
      : 'There is no such target; "local" and "sim" are.',
  );
};

const collect = (value: string, previous: readonly string[]): readonly string[] => [
  ...previous,
  value,
];

const presentEnv = (env: CliContext["env"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );

const rolesOf = (context: CliContext): RoleProgram => ({
  command: [process.execPath, join(context.root, "src/cli/main.ts"), "clockwork"],
  cwd: context.root,
});

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

interface Job {
  readonly context: CliContext;
  readonly flags: ExperimentFlags;
  readonly target: Target;
  readonly file: string;
  readonly loaded: LoadedExperiment;
  readonly results: ResultsFolder;
  readonly revision: string;
}

const openForResume = async (
  context: CliContext,
  flags: ExperimentFlags,
  id: string,
): Promise<ResultsFolder> => {
  const opened = await openResultsFolder(findResultsFolder(context, flags.results, id));
  if (!opened.ok) throw new UserError(EXIT.BAD_INPUT, opened.error);
  return opened.value;
};

/** The experiment as it was started, unless the command line says otherwise. */
const recordedFlags = (flags: ExperimentFlags, resumed: ResultsFolder | null): LoadOptions => {
  if (resumed === null || flags.set.length > 0 || flags.seed !== undefined) return flags;
  const { overrides, cwd } = resumed.manifest.experiment;
  return { set: overrides.map(({ path, value }) => `${path}=${value}`), cwd };
};

const refuseResume = (results: ResultsFolder, refusals: readonly string[]): never => {
  const lines = refusals.map((refusal) => `  ${refusal}`).join("\n");
  throw new UserError(
    EXIT.USAGE,
    `${results.folder} cannot be resumed, because the experiment is not the same:\n${lines}\nrun it without --resume to start anew`,
  );
};

/** Nothing is started, and no folder made, for a load that could only come late. */
const refuseBeyondLimit = async (file: string, loaded: LoadedExperiment): Promise<void> => {
  const options = { measure: measureGeneratorLimit, cores: availableParallelism() };
  const problems = asTyped(await findRateProblems(loaded, options), loaded.overrides);
  if (problems.length > 0) throw new UserError(EXIT.USAGE, formatProblems(file, problems));
};

/** Results of one target are not continued on another. */
const targetOf = ({ on }: ExperimentFlags, resumed: ResultsFolder | null): Target => {
  if (resumed === null) return on ?? "local";
  const recorded = TARGETS.find((target) => target === resumed.manifest.target) ?? "local";
  if (on !== undefined && on !== recorded) {
    refuseResume(resumed, [`its runs were made on "${recorded}", not on "${on}"`]);
  }
  return recorded;
};

const prepare = async (context: CliContext, file: string, flags: ExperimentFlags): Promise<Job> => {
  const resumed =
    flags.resume === undefined ? null : await openForResume(context, flags, flags.resume);
  const target = targetOf(flags, resumed);
  const loaded = await loadExperiment(context, file, recordedFlags(flags, resumed));
  // In virtual time nothing is ever late.
  if (target !== "sim") await refuseBeyondLimit(file, loaded);
  const clock = startClock();
  const code = readCodeFacts(context.root);
  const { git_revision, git_dirty } = code.escapement;
  const revision =
    git_revision === null ? "" : `${git_revision}${git_dirty ? " with changes" : ""}`;
  if (resumed !== null) {
    const refusals = await resumeRefusals(loaded, resumed);
    if (refusals.length > 0) refuseResume(resumed, refusals);
    if (resumed.manifest.escapement.git_revision !== git_revision) {
      say(
        `note: the results were begun with revision ${resumed.manifest.escapement.git_revision ?? "unknown"}, this is ${git_revision ?? "unknown"}`,
      );
    }
    return { context, flags, target, file, loaded, results: resumed, revision };
  }
  const created = await createResultsFolder({
    experiment: loaded,
    root:
      flags.results === undefined
        ? join(context.root, "results")
        : resolve(context.cwd, flags.results),
    target,
    code,
    nowNs: toAbsolute(clock, clock.now()),
    random: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  });
  if (!created.ok) throw new UserError(EXIT.BAD_INPUT, created.error);
  return { context, flags, target, file, loaded, results: created.value, revision };
};

const openSearch = (
  plan: Plan,
  folder: string,
  say: (text: string) => void,
): Promise<RunSearch | null> =>
  plan.search === undefined ? Promise.resolve(null) : RunSearch.open({ folder, plan, say });

const execute = async (job: Job): Promise<ExperimentOutcome> => {
  const { context, target, loaded, results, revision } = job;
  const clock = startClock();
  const { stdout } = process;
  // Whoever read our output went away; the experiment goes on.
  stdout.on("error", () => undefined);
  const view = new ProgressView({
    write: (text) => void stdout.write(text),
    isTerminal: stdout.isTTY,
    // Unknown until the terminal says so.
    columns: () => stdout.columns || 80,
    now: () => performance.now(),
    isSimulated: target === "sim",
  });
  using interrupts = takeInterrupts((text) => view.say(text));
  view.start();
  try {
    const search = await openSearch(loaded.plan, results.folder, (text) => view.say(text));
    if (search !== null) view.countDown(search.runsLeft);
    return await runExperiment({
      results,
      runs: loaded.plan.runs,
      ...(search === null ? {} : { choose: search.choose }),
      program: rolesOf(context),
      revision,
      openHost: (options) =>
        openLocalHost({
          ...options,
          env: presentEnv(context.env),
          leaseMs: LOCAL_LEASE_MS,
          graceMs: LOCAL_GRACE_MS,
        }),
      ...(target === "sim" ? { simulateWith: simulationInputs(loaded) } : {}),
      observe: view.observe,
      now: () => toAbsolute(clock, clock.now()),
      interrupt: interrupts.interrupt,
      force: interrupts.force,
    });
  } finally {
    view.stop();
  }
};

const resumeHint = ({ file, flags, results }: Job): string => {
  const root = flags.results === undefined ? "" : ` --results ${shellWord(flags.results)}`;
  return `continue with: ./run experiment ${shellWord(file)} --resume ${results.id}${root}`;
};

/** The report says what the checks found; without one, only the runs decide. */
const report = async (job: Job, runsFailed: boolean): Promise<ExitCode> => {
  const failedCode = runsFailed ? EXIT.RUN_FAILED : EXIT.OK;
  if (!job.flags.report) return failedCode;
  using _ = endOnInterrupt(() => {
    say("interrupted while the report was made; every run is kept");
    say(`make it with: ./run report ${shellWord(job.results.folder)}`);
  });
  try {
    const built = await buildReport({ folder: job.results.folder });
    for (const line of built.summaryLines) say(line);
    say(`report: ${built.reportPath}`);
    return runsFailed ? EXIT.RUN_FAILED : exitCodeOf(built);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(`no report: ${error.message}`);
    return runsFailed ? EXIT.RUN_FAILED : error.exitCode;
  }
};

const finish = async (job: Job, outcome: ExperimentOutcome): Promise<ExitCode> => {
  if (outcome.kind === "busy") {
    const message = `process ${outcome.pid} is working on ${job.results.folder}: wait for it or end it first`;
    throw new UserError(EXIT.USAGE, message);
  }
  if (outcome.kind === "unusable") throw new UserError(EXIT.BAD_INPUT, outcome.reason);
  for (const problem of outcome.problems) say(`problem: ${problem}`);
  if (outcome.interrupted) {
    say(`interrupted; what was measured is kept in ${job.results.folder}`);
    say(resumeHint(job));
    return EXIT.INTERRUPTED;
  }
  const { search, runs } = job.loaded.plan;
  // A search needs few of the runs that are planned.
  const needed =
    search === undefined ? runs : runs.filter(({ index }) => outcome.states.has(index));
  const notDone = needed.filter(({ index }) => outcome.states.get(index) !== "done");
  const runsFailed = notDone.length > 0 || outcome.problems.length > 0;
  const code = await report(job, runsFailed);
  if (notDone.length > 0)
    say(`${notDone.length} of ${needed.length} runs failed; ${resumeHint(job)}`);
  const [first] = notDone;
  if (first !== undefined && job.target === "sim") {
    const { overrides, plan } = job.loaded;
    say(
      `${first.name} fails again with: ${repeatCommand(first, { file: job.file, overrides, plan })}`,
    );
  }
  return code;
};

const runExperimentCommand = async (
  context: CliContext,
  file: string,
  flags: ExperimentFlags,
): Promise<void> => {
  if (flags.plan === true) {
    const loaded = await loadExperiment(context, file, flags);
    for (const note of loaded.notes) say(`note: ${note}`);
    say(showPlan(loaded, { target: flags.on ?? "local", cwd: context.cwd }));
    return;
  }
  followLauncher(context.env, "experiment");
  const job = await prepare(context, file, flags);
  for (const note of job.loaded.notes) say(`note: ${note}`);
  process.exitCode = await finish(job, await execute(job));
};

export const registerExperimentCommand = (program: Command, context: CliContext): void => {
  program
    .command("experiment")
    .description("run an experiment file from launch to report")
    .argument("<file>", "the experiment file: as given, or in experiments/")
    .option(
      "--on <target>",
      'where it runs: "local", on this machine, or "sim", in virtual time (default: "local")',
      parseTarget,
    )
    .option("--set <key=value>", "replace a value of the experiment; repeatable", collect, [])
    .option("--seed <n>", "the seed of everything random; repetition i uses n + i - 1")
    .option("--plan", "print every run with its parameters, time and disk; start nothing")
    .option(
      "--resume <id>",
      "continue a results folder (its id or path): keep what is done, redo the rest",
    )
    .option("--results <dir>", "folder of all results (default: results/ of the project)")
    .option("--no-report", "leave out the analysis; `report` makes up for it")
    .action((file: string, flags: ExperimentFlags) => runExperimentCommand(context, file, flags));
};
