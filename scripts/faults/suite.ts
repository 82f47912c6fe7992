/** Takes the trials one after another and writes each down before the next begins. */
import { existsSync, rmSync } from "node:fs";
import { Rng } from "#stdx/rng.ts";
import { uncleanReasons } from "./clean-rule.ts";
import type { FaultKind, Injection } from "./kind.ts";
import { appendRecord, keyOf, type TrialRecord } from "./records.ts";
import { isDetected, isInjected } from "./table.ts";
import { REVISION, runTrial, type TrialOutcome } from "./trial.ts";
import { withoutArtefacts } from "./verdict-file.ts";

/** A run that nobody disturbs. */
export const CLEAN = "clean";
const UNDISTURBED: Injection = { detail: "nothing" };

export interface SuiteOptions {
  /** Of the suite; a trial's own follows from it, the kind's name and the trial's number. */
  readonly seed: number;
  /** Folder of all results. */
  readonly results: string;
  /** Where the records go. */
  readonly records: string;
  /** What an earlier suite found already. */
  readonly known: readonly TrialRecord[];
  /** Keep the results of every run, and not only of those that went against expectation. */
  readonly keepAll: boolean;
  readonly interrupt: AbortSignal;
  readonly say: (line: string) => void;
}

/** The seed of one trial: of what is drawn for its fault, and of its run. */
export const trialSeed = (suiteSeed: number, kind: string, trial: number): number =>
  Rng.of(suiteSeed, "faults").split(kind).split(String(trial)).uint32();

const isNamed = ({ expects }: FaultKind, finding: string): boolean =>
  expects.some((kind) => kind === finding);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

export class Suite {
  readonly #options: SuiteOptions;
  readonly #known: ReadonlyMap<string, TrialRecord>;

  constructor(options: SuiteOptions) {
    this.#options = options;
    this.#known = new Map(options.known.map((record) => [keyOf(record), record]));
  }

  /** Every kind so many times, in turns, so that a suite that is cut short has something of each. */
  async runFaults(kinds: readonly FaultKind[], trials: number): Promise<readonly TrialRecord[]> {
    const records: TrialRecord[] = [];
    for (let trial = 0; trial < trials; trial++) {
      for (const kind of kinds) {
        const record = await this.#take(kind.name, trial, kind);
        if (record === null) return records;
        records.push(record);
      }
    }
    return kinds.flatMap(({ name }) => records.filter((record) => record.kind === name));
  }

  /** Undisturbed runs until so many are clean by the rule, or twice as many were made. */
  async runClean(wanted: number): Promise<readonly TrialRecord[]> {
    const records: TrialRecord[] = [];
    let clean = 0;
    for (let trial = 0; clean < wanted && trial < 2 * wanted; trial++) {
      const record = await this.#take(CLEAN, trial, null);
      if (record === null) return records;
      records.push(record);
      if (record.unclean.length === 0) clean++;
    }
    return records;
  }

  /** Null when the suite was interrupted. */
  async #take(name: string, trial: number, kind: FaultKind | null): Promise<TrialRecord | null> {
    const { seed: suite_seed, interrupt } = this.#options;
    const known = this.#known.get(keyOf({ kind: name, trial, suite_seed }));
    if (known !== undefined) return known;
    if (interrupt.aborted) return null;
    const seed = trialSeed(suite_seed, name, trial);
    const injection = kind?.draw(Rng.of(seed, "fault")) ?? UNDISTURBED;
    const startedMs = performance.now();
    const outcome = await this.#run(injection, seed);
    if (interrupt.aborted) return null;
    const { verdict, findings } = withoutArtefacts(outcome, kind?.artefacts ?? []);
    const record: TrialRecord = {
      kind: name,
      set: kind?.set ?? CLEAN,
      trial,
      suite_seed,
      seed,
      detail: injection.detail,
      not_injected: outcome.notInjected,
      verdict,
      findings,
      is_expected: kind === null || findings.some((each) => isNamed(kind, each.kind)),
      disturbance: outcome.disturbance,
      unclean: kind === null ? uncleanReasons(outcome.disturbance) : [],
      wall_ms: Math.round(performance.now() - startedMs),
      revision: REVISION,
      at_ms: Date.now(),
    };
    this.#finish(record, outcome.folder);
    return record;
  }

  async #run(injection: Injection, seed: number): Promise<TrialOutcome> {
    const { results, interrupt } = this.#options;
    try {
      return await runTrial({ injection, seed, results, interrupt });
    } catch (error) {
      // A trial without a verdict proves nothing either way.
      const notInjected = `the trial failed: ${messageOf(error)}`;
      return { verdict: "NONE", findings: [], notInjected, disturbance: null, folder: "" };
    }
  }

  #finish(record: TrialRecord, folder: string): void {
    const { keepAll, records, say } = this.#options;
    appendRecord(records, record);
    const isClean = record.set === CLEAN;
    const isAsWanted = isInjected(record) && isDetected(record) !== isClean;
    const isKept = existsSync(folder) && (keepAll || (!isAsWanted && record.unclean.length === 0));
    if (!isKept) rmSync(folder, { recursive: true, force: true });
    const kinds = record.findings.map(({ kind, severity }) => `${kind} (${severity})`).join(", ");
    const problem = isInjected(record) ? "" : `  NOT INJECTED: ${record.not_injected}`;
    const unclean = record.unclean.length === 0 ? "" : `  not clean: ${record.unclean.join("; ")}`;
    const kept = isKept ? `  kept: ${folder}` : "";
    say(
      `${isAsWanted ? "✔" : "✘"} ${record.kind} ${record.trial}: ${record.detail} → ${record.verdict}  ${kinds}${problem}${unclean}${kept}`,
    );
  }
}
