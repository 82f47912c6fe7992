/** What a kind of fault is: one small declaration, from which the suite makes as many trials as it likes. */
import type { FindingKind } from "#judge/thresholds.ts";
import type { ProcessSpec } from "#remote/remote.ts";
import type { RunFolders } from "#runner/role-commands.ts";
import type { Rng } from "#stdx/rng.ts";

/** What a machine must offer for a fault to be injected there. */
export type Need =
  | "linux"
  | "root"
  | "strace"
  | "cc"
  | "chrt"
  | "taskset"
  | "cgroup cpu"
  | "cgroup memory"
  | "cgroup freezer";

/** A trial's run before it is launched. */
export interface Staging {
  /** The project's root. */
  readonly root: string;
  /** A new folder for the fault's own files; removed with the trial. */
  readonly scratch: string;
  readonly seed: number;
  /** Ends what the fault started: called once, in reverse order, however the trial ends. */
  readonly own: (end: () => void | Promise<void>) => void;
}

/** A trial's run from the moment at which the client says when it sends. */
export interface Scene extends Staging {
  readonly folders: RunFolders;
  /** Command line of a role, as it was started. */
  readonly commandOf: (role: string) => readonly string[];
  /** Process id of a role: "client0", "controller", "worker0". */
  readonly pid: (role: string) => number;
  /** Of the measurement window. */
  readonly windowMs: number;
  /** Waits until so many ms after the start of the measurement window; throws once the run is over. */
  readonly at: (offsetMs: number) => Promise<void>;
  /** Waits; throws once the run is over. */
  readonly wait: (ms: number) => Promise<void>;
}

/** One trial of a kind, with its instants and magnitudes drawn. What throws was not injected. */
export interface Injection {
  /** What is done, with the magnitudes. */
  readonly detail: string;
  /** Changes of the experiment, as `--set` takes them. */
  readonly set?: readonly string[];
  /** The results lie on a file system of this size. */
  readonly diskBytes?: number;
  /** Changes how a role is started. */
  readonly launch?: (spec: ProcessSpec, staging: Staging) => Promise<ProcessSpec>;
  /** Acts while requests are sent. */
  readonly during?: (scene: Scene) => Promise<void>;
  /** Acts on what the run left behind, before the report is made. */
  readonly collected?: (scene: Scene) => Promise<void>;
}

export interface FaultKind {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Set B was written after the verdict's thresholds were frozen. */
  readonly set: "A" | "B";
  /** What it does to a run and in which range: each trial is one of which a user would say that it spoils the run. */
  readonly does: string;
  /** Kinds of findings of which at least one should name this fault. */
  readonly expects: readonly FindingKind[];
  /** Findings that the tool of the injection causes and the fault itself would not: they earn nothing. */
  readonly artefacts?: readonly FindingKind[];
  readonly needs: readonly Need[];
  /** Draws one trial. */
  readonly draw: (rng: Rng) => Injection;
}

/** Uniform whole number from `min` to `max`, both included. */
export const between = (rng: Rng, min: number, max: number): number =>
  min + rng.below(max - min + 1);

/** One of `values`. */
export const oneOf = <T>(rng: Rng, values: readonly [T, ...T[]]): T =>
  values[rng.below(values.length)] ?? values[0];
