/** The `workload` command: what an experiment would offer, worked out in full, while nothing runs. */
import { closeSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { registerWorkloadRecordCommand } from "#cli/commands/workload-record.ts";
import type { CliContext } from "#cli/context.ts";
import { isExpectedExact } from "#cli/describe-run.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { type LoadedExperiment, loadExperiment } from "#cli/load-experiment.ts";
import { SLICES, showSchedule } from "#cli/show-workload.ts";
import { workloadInputs, workloadLines } from "#cli/workload-lines.ts";
import type { Plan, PlannedRun } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { expectedRequests } from "#workload/describe-workload.ts";
import { ScheduleWriter, summariseSchedule } from "#workload/schedule-summary.ts";

interface WorkloadOptions {
  readonly set: readonly string[];
  readonly seed?: string;
  readonly run?: string;
  readonly hash?: true;
  readonly plot?: true;
  readonly out?: string;
}

/** Minutes of work; more is a slip in a rate or a duration. */
const REQUESTS_MAX = 1e9;

/** Runs that offer the very same requests, under the name of the first. */
interface OneSchedule {
  readonly run: PlannedRun;
  readonly names: readonly string[];
}

const schedulesOf = (runs: readonly PlannedRun[]): readonly OneSchedule[] => {
  const groups = new Map<string, { run: PlannedRun; names: string[] }>();
  for (const run of runs) {
    const identity = JSON.stringify([run.workload, run.system.models, run.seed]);
    const group = groups.get(identity);
    if (group === undefined) groups.set(identity, { run, names: [run.name] });
    else group.names.push(run.name);
  }
  return [...groups.values()];
};

/** All runs; of a search, which plans hundreds, those of its lowest and its highest load. */
const shownRuns = ({ search, runs }: Plan): readonly PlannedRun[] => {
  if (search === undefined) return runs;
  const ends: unknown[] = [search.loads[0]?.value, search.loads.at(-1)?.value];
  return runs.filter(
    ({ point, repetition }) =>
      repetition === 1 &&
      point.some(({ path, value }) => path === search.over && ends.includes(value)),
  );
};

const chosenRuns = (
  { plan }: LoadedExperiment,
  name: string | undefined,
): readonly PlannedRun[] => {
  const { runs } = plan;
  const chosen = name === undefined ? shownRuns(plan) : runs.filter((run) => run.name === name);
  if (chosen.length > 0) return chosen;
  const names = runs.slice(0, 20).map((run) => run.name);
  throw new UserError(EXIT.USAGE, `no run is named "${name}"; there are ${names.join(", ")}`);
};

const processOf = (run: PlannedRun, loaded: LoadedExperiment): ArrivalProcess => {
  const inputs = workloadInputs(run, loaded);
  const expected = expectedRequests(run.workload, inputs) ?? 0;
  if (expected > REQUESTS_MAX) {
    const message = `run ${run.name} has ${expected.toLocaleString("en-US")} requests, too many to go through`;
    throw new UserError(
      EXIT.USAGE,
      `${message}; shorten it, such as by --set workload.duration=1s`,
    );
  }
  const made = createArrivalProcess({ workload: run.workload, ...inputs });
  assert(made.ok, "a planned workload has a schedule");
  return made.value;
};

/** A file that is written in pieces, or nothing. */
const openOutput = (path: string | null): { write: (text: string) => void; close: () => void } => {
  if (path === null) return { write: () => {}, close: () => {} };
  try {
    const file = openSync(path, "w");
    return { write: (text) => writeSync(file, text), close: () => closeSync(file) };
  } catch (cause) {
    throw new UserError(EXIT.BAD_INPUT, `cannot write ${path}: ${String(cause)}`);
  }
};

const showOne = (
  { run, names }: OneSchedule,
  loaded: LoadedExperiment,
  options: WorkloadOptions & { readonly outPath: string | null },
): readonly string[] => {
  const { workload } = run;
  const process = processOf(run, loaded);
  const hasher = options.hash === true ? new Bun.CryptoHasher("sha256") : null;
  const output = openOutput(options.outPath);
  const writer = new ScheduleWriter((text) => {
    hasher?.update(text);
    output.write(text);
  });
  const isWritten = hasher !== null || options.outPath !== null;
  const summary = summariseSchedule(process, workload, {
    slices: SLICES,
    ...(isWritten ? { onArrival: (arrival) => writer.add(arrival) } : {}),
  });
  if (isWritten) writer.finish();
  output.close();
  const others = names.length - 1;
  const more = others === 0 ? "" : ` and ${others} more with the same requests`;
  return [
    `Run ${run.name}${more}, seed ${run.seed}`,
    ...workloadLines(run, loaded).map((line) => `  ${line}`),
    ...(summary.announced === null
      ? ["  What follows is due before any response; the rest cannot be known in advance."]
      : []),
    ...showSchedule(summary, {
      workload,
      isExact: isExpectedExact(workload),
      plot: options.plot === true,
      hash: hasher?.digest("hex") ?? null,
    }),
  ];
};

const runWorkload = async (
  context: CliContext,
  file: string,
  options: WorkloadOptions,
): Promise<void> => {
  const { set, seed, run } = options;
  const loaded = await loadExperiment(context, file, { set, seed });
  const schedules = schedulesOf(chosenRuns(loaded, run));
  if (options.out !== undefined && schedules.length > 1) {
    const names = schedules.map((each) => each.run.name).join(", ");
    const message = `--out takes one schedule, and the experiment has ${schedules.length}`;
    throw new UserError(EXIT.USAGE, `${message}; choose one with --run: ${names}`);
  }
  const outPath = options.out === undefined ? null : resolve(context.cwd, options.out);
  const read = [loaded.path, ...loaded.inputs.map(({ path }) => path)];
  if (outPath !== null && read.includes(outPath)) {
    const message = `--out would overwrite ${outPath}, which the experiment reads; name another file`;
    throw new UserError(EXIT.USAGE, message);
  }
  for (const schedule of schedules) {
    const lines = showOne(schedule, loaded, { ...options, outPath });
    process.stdout.write(`${lines.join("\n")}\n\n`);
  }
  if (outPath !== null) process.stdout.write(`schedule: ${outPath}\n`);
  process.stdout.write("Nothing was started.\n");
};

const collect = (value: string, previous: readonly string[]): readonly string[] => [
  ...previous,
  value,
];

export const registerWorkloadCommand = (program: Command, context: CliContext): void => {
  const command = program
    .command("workload")
    .description(
      "show the schedule that an experiment would offer: counts, rate, gaps; starts nothing",
    )
    .argument("<file>", "the experiment file")
    .option("--set <key=value>", "replaces a value; may be repeated", collect, [])
    .option("--seed <n>", "the seed of everything random")
    .option("--run <name>", "only this run of the plan")
    .option("--hash", "add the SHA-256 of the schedule")
    .option("--plot", "draw the rate over time and the gaps")
    .option("--out <file>", "write the schedule as CSV")
    .action((file: string, options: WorkloadOptions) => runWorkload(context, file, options));
  // What follows `record` is its own, --out above all.
  program.enablePositionalOptions();
  command.enablePositionalOptions();
  registerWorkloadRecordCommand(command, context);
};
