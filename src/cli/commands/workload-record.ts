/** The `workload record` command: the requests that a run scheduled, as a file that replays them exactly. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import type { Command } from "commander";
import { derivedFolderOf, openResultsOrExit } from "#cli/build-report.ts";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { parsePlannedRun } from "#cli/planned-run.ts";
import type { Workload } from "#experiment/resolved.ts";
import { openViews } from "#query/analyse.ts";
import { writeRecordedSchedule } from "#query/recorded-schedule.ts";
import type { ResultsSource, RunSource } from "#query/results-folder.ts";
import { ns } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import { FILES, type StoredRun } from "#telemetry/results.ts";
import { generatorsOf } from "#workload/share.ts";

type Window = NonNullable<StoredRun["window"]>;

const runOf = ({ runs }: ResultsSource, name: string): RunSource => {
  const run = runs.find((each) => each.name === name);
  if (run !== undefined) return run;
  const names = runs.slice(0, 20).map((each) => each.name);
  throw new UserError(EXIT.USAGE, `no run is named "${name}"; there are ${names.join(", ")}`);
};

const refuse = (name: string, reason: string): UserError =>
  new UserError(EXIT.BAD_INPUT, `run ${name} cannot be recorded: ${reason}`);

const recordable = ({ name, stored, logs }: RunSource): StoredRun & { readonly window: Window } => {
  if (stored === null) throw refuse(name, "it has no run.json");
  const { window } = stored;
  if (window === null) throw refuse(name, `it was ${stored.state} before it sent anything`);
  if (logs.client === undefined) throw refuse(name, "its client log is not there");
  if (stored.models.length === 0) throw refuse(name, "run.json does not say which models it had");
  return { ...stored, window };
};

/** The workload of a run as its plan has it. */
const plannedWorkload = ({ folder }: ResultsSource, name: string): Workload => {
  const path = join(folder, FILES.plan);
  const run = parsePlannedRun(readFileSync(path, "utf8"), name);
  if (!run.ok) throw new UserError(EXIT.BAD_INPUT, `the plan ${path} ${run.error}`);
  return run.value.workload;
};

/** From one stored instant to another, as an experiment file writes it. */
const span = (from: string, to: string): string => {
  const length = Number(BigInt(to) - BigInt(from));
  return length === 0 ? "0s" : formatDuration(ns(length));
};

const sha256Of = async (path: string): Promise<string> => {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
};

/** Why a recording cannot be written there; null when nothing is in the way. */
const whyUnwritable = (path: string, results: string): string | null => {
  const parent = dirname(path);
  if (!existsSync(parent)) return `there is no folder ${parent}`;
  if (existsSync(path) && statSync(path).isDirectory()) return "it is a folder";
  const raw = join(results, FILES.runs);
  return path.startsWith(`${raw}${sep}`) ? "what runs left behind is never changed" : null;
};

const record = async (
  context: CliContext,
  { dir, name }: { readonly dir: string; readonly name: string },
  outPath: string,
): Promise<void> => {
  const source = openResultsOrExit(resolve(context.cwd, dir));
  const run = recordable(runOf(source, name));
  const workload = plannedWorkload(source, name);
  const dataFolder = join(derivedFolderOf(source), "data");
  const { db } = await openViews({ source, dataFolder });
  try {
    const recorded = {
      index: run.index,
      sendStartNs: run.window.send_start_ns,
      modelIds: run.models.map(({ model_id }) => model_id),
      generators: generatorsOf(workload),
      parts: workload.arrivals === "mix" ? workload.parts.map((part) => part.name) : [],
    };
    const { requests, unknownModels } = await writeRecordedSchedule(db, recorded, outPath);
    if (requests === 0) throw refuse(name, "its client log is empty");
    if (unknownModels > 0) {
      const message = `${unknownModels} of ${requests} requests name a model instance that run.json does not list`;
      throw refuse(name, message);
    }
    const { send_start_ns, measure_start_ns, measure_end_ns, send_end_ns } = run.window;
    const lines = [
      `${outPath}: ${requests.toLocaleString("en-US")} requests of run ${name}`,
      `SHA-256 ${await sha256Of(outPath)}`,
      ...(run.state === "done"
        ? []
        : [`The run is ${run.state}: what it had not scheduled by its end is not there.`]),
      ...(run.stopped === undefined || run.stopped === null
        ? []
        : [
            `The stop rule ${run.stopped.rule} ended the run early: what was due later is not there.`,
          ]),
      "To replay them exactly, with the same models:",
      `  workload: { arrivals: "recorded", trace: ${JSON.stringify(outPath)}, warmUp: "${span(send_start_ns, measure_start_ns)}", ` +
        `duration: "${span(measure_start_ns, measure_end_ns)}", coolDown: "${span(measure_end_ns, send_end_ns)}" }`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  } finally {
    await db.close();
  }
};

export const registerWorkloadRecordCommand = (workload: Command, context: CliContext): void => {
  workload
    .command("record")
    .description("write the requests that a run scheduled as a file that replays them exactly")
    .argument("<results>", "a results folder")
    .argument("<run>", "the run's name, as in its folder")
    .requiredOption("--out <file>", "the file to write")
    .action((dir: string, name: string, { out }: { readonly out: string }) => {
      const path = resolve(context.cwd, out);
      const reason = whyUnwritable(path, resolve(context.cwd, dir));
      if (reason !== null) throw new UserError(EXIT.BAD_INPUT, `cannot write ${path}: ${reason}`);
      return record(context, { dir, name }, path);
    });
};
