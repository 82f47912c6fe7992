/** `./run faults`: disturbs real runs from outside in many ways and counts how often their verdict notices. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { FaultKind } from "./faults/kind.ts";
import { missingNeeds, removeLeftovers } from "./faults/machine.ts";
import { newestRecords, readRecords, type TrialRecord } from "./faults/records.ts";
import { SET_A } from "./faults/set-a.ts";
import { SET_B } from "./faults/set-b.ts";
import { Suite } from "./faults/suite.ts";
import { formatClean, formatFaults, isGoodEnough, isQuietEnough } from "./faults/table.ts";
import { REVISION } from "./faults/trial.ts";
import { ROOT } from "./step.ts";

const USAGE = `usage: ./run faults [--kinds a,b] [--set A|B] [--trials 10] [--seed 1] [--resume] [--keep]
         injects every kind of fault so many times and prints how often the verdict noticed
       ./run faults --clean 300 [--seed 1] [--resume] [--keep]
         undisturbed runs, until so many are clean by the kernel's counters: how often the verdict doubts them
       ./run faults --list
         the kinds, what each does, and what it needs
  --results names the folder of all results (default: results/ of the project), which has the records in faults/;
  --resume goes on with the newest records there; --keep keeps the results of every run`;

const KINDS: readonly FaultKind[] = [...SET_A, ...SET_B];
const TRIALS_MAX = 10_000;

/** The user's mistake; printed without a stack. */
class UsageError extends Error {}

const readOptions = () => {
  try {
    const options = {
      kinds: { type: "string" },
      set: { type: "string" },
      trials: { type: "string", default: "10" },
      clean: { type: "string" },
      seed: { type: "string", default: "1" },
      resume: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      results: { type: "string", default: join(ROOT, "results") },
      list: { type: "boolean", default: false },
    } as const;
    return parseArgs({ options }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
};

type Options = ReturnType<typeof readOptions>;

const whole = (text: string, name: string, least: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > TRIALS_MAX)
    throw new UsageError(`--${name} must be a whole number from ${least} to ${TRIALS_MAX}`);
  return value;
};

const chosenKinds = ({ kinds, set }: Options): readonly FaultKind[] => {
  const names = kinds?.split(",");
  const unknown = names?.filter((name) => !KINDS.some((kind) => kind.name === name)) ?? [];
  if (unknown.length > 0)
    throw new UsageError(`there is no kind ${unknown.join(", ")}; --list shows them all`);
  const chosen = KINDS.filter(
    (kind) => (names?.includes(kind.name) ?? true) && (set === undefined || kind.set === set),
  );
  if (chosen.length === 0) throw new UsageError(`there are no kinds in set ${set}`);
  return chosen;
};

/** Says loudly what cannot be tried here: it counts neither as noticed nor as missed. */
const possibleKinds = (kinds: readonly FaultKind[]): readonly FaultKind[] =>
  kinds.filter((kind) => {
    const missing = missingNeeds(kind.needs);
    if (missing.length > 0)
      console.log(`NOT POSSIBLE HERE: ${kind.name}: needs ${missing.join(", ")}`);
    return missing.length === 0;
  });

const list = (): void => {
  for (const { name, set, does, needs } of KINDS)
    console.log(`${set}  ${name}: ${does}${needs.length === 0 ? "" : `  [${needs.join(", ")}]`}`);
};

const recordsPath = (results: string, isResumed: boolean): string => {
  const folder = join(results, "faults");
  const newest = isResumed ? newestRecords(folder) : null;
  if (isResumed && newest === null)
    throw new UsageError(`there are no records in ${folder} to resume`);
  const now = new Date().toISOString().replaceAll(/[:.]/g, "-");
  return newest ?? join(folder, `${now}.jsonl`);
};

/** What was found with other code says nothing of this one. */
const knownRecords = (path: string): readonly TrialRecord[] => {
  const records = readRecords(path);
  const other = records.find(({ revision }) => revision !== REVISION);
  if (other !== undefined)
    throw new UsageError(`${path} was begun with revision ${other.revision}, this is ${REVISION}`);
  return records;
};

const takeInterrupts = (): AbortSignal => {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      console.log("interrupted: ending the trial; --resume goes on from here");
      controller.abort();
    });
  return controller.signal;
};

const main = async (): Promise<number> => {
  const options = readOptions();
  const wanted = options.clean === undefined ? null : whole(options.clean, "clean", 1);
  const trials = whole(options.trials, "trials", 1);
  const kinds = chosenKinds(options);
  if (options.list) {
    list();
    return 0;
  }
  const results = resolve(process.env["ESCAPEMENT_CWD"] ?? process.cwd(), options.results);
  const records = recordsPath(results, options.resume);
  console.log(`records: ${records}`);
  removeLeftovers();
  const interrupt = takeInterrupts();
  const suite = new Suite({
    seed: whole(options.seed, "seed", 0),
    results,
    records,
    known: options.resume ? knownRecords(records) : [],
    keepAll: options.keep,
    interrupt,
    say: console.log,
  });
  if (wanted !== null) {
    const clean = await suite.runClean(wanted);
    console.log(`\n${formatClean(clean)}`);
    return interrupt.aborted ? 130 : isQuietEnough(clean) ? 0 : 1;
  }
  const found = await suite.runFaults(possibleKinds(kinds), trials);
  console.log(`\n${formatFaults(found)}`);
  return interrupt.aborted ? 130 : isGoodEnough(found) ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
