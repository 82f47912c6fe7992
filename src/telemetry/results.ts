/** The results folder: names of its files and the shapes of its JSON. Instants are decimal strings of ns since the Unix epoch. */

export const RESULTS_SCHEMA_VERSION = 1;

export const FILES = {
  manifest: "manifest.json",
  plan: "plan.json",
  journal: "journal.sqlite",
  runs: "runs",
  run: "run.json",
  telemetry: "telemetry",
  logs: "logs",
  derived: "derived",
  report: "report.md",
  verdicts: "verdicts.json",
} as const;

/** States of a run, in order; the last three are final. */
export const RUN_STATES = [
  "planned",
  "launching",
  "ready",
  "measuring",
  "draining",
  "collecting",
  "tearing-down",
  "done",
  "failed",
  "interrupted",
] as const;

export type RunState = (typeof RUN_STATES)[number];

export interface HostFacts {
  readonly hostname: string;
  readonly platform: string;
  readonly kernel: string;
  readonly cpu_model: string;
  readonly cpu_count: number;
  readonly memory_bytes: number;
  readonly bun_version: string;
}

/** `manifest.json`: what is needed to run the experiment again. Written at the start, completed at the end. */
export interface Manifest {
  readonly schema_version: number;
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly created_ns: string;
  /** Null until the experiment ended. */
  readonly ended_ns: string | null;
  readonly experiment: {
    readonly path: string;
    readonly sha256: string;
    readonly source: string;
    /** The spec as written with `--set` and `--seed` applied (the experiment language as JSON). */
    readonly spec: unknown;
    readonly overrides: readonly { readonly path: string; readonly value: string }[];
    /** The folder that the user was in, where relative paths in `overrides` begin; absent in early folders. */
    readonly cwd?: string;
  };
  readonly seed: number;
  readonly target: string;
  readonly escapement: {
    readonly version: string;
    readonly git_revision: string | null;
    readonly git_dirty: boolean;
    readonly git_diff_sha256: string | null;
    /** Where the project lay, for showing paths within it; absent in folders of before it was noted. */
    readonly folder?: string;
  };
  readonly host: HostFacts;
  /** Input files (traces, profile sets) with their hashes. */
  readonly inputs: readonly {
    readonly role: string;
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
}

/** `plan.json`: the plan of `#experiment/resolved.ts`, numbers in ns, requests per second and bytes. */
export interface StoredPlan {
  readonly schema_version: number;
  readonly plan: unknown;
}

export interface StoredProcess {
  readonly role: "controller" | "worker" | "client";
  /** "controller", "worker0", "client0": also the name of its log file. */
  readonly name: string;
  readonly host: string;
  readonly command: readonly string[];
  readonly pid: number | null;
  readonly started_ns: string | null;
  readonly ended_ns: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
}

export interface StoredFile {
  /** Relative to the run's folder. */
  readonly path: string;
  readonly bytes: number;
  /** Lines including the header, for text files. */
  readonly lines: number | null;
  readonly sha256: string;
  /** Rows that the writer says it wrote (header excluded), when it said so. */
  readonly rows_written: number | null;
}

/** An early end of sending, by a rule of the experiment. */
export interface StoredStop {
  readonly at_ns: string;
  /** "errorBudget", as the experiment names it. */
  readonly rule: string;
  /** What the rule saw, in words. */
  readonly evidence: string;
}

/** A run in virtual time: its instants are those of a world that begins in the year 2000, and nothing of it happened on a host. */
export interface StoredSimulation {
  /** Of "<SHA-256>  <path>" of each file in order of their paths: what `sha256sum logs/* telemetry/* | sha256sum` prints. */
  readonly sha256: string;
  /** Things that happened in the simulated world. */
  readonly steps: number;
  /** What they took on the clock of whoever simulated, logs included. */
  readonly wall_ns: number;
  readonly network: {
    /** One way: at least this, and an exponential time with that mean on top. */
    readonly latency_min_ns: number;
    readonly jitter_mean_ns: number;
    /** Of the line out of each host. */
    readonly bytes_per_s: number;
    readonly send_buffer_bytes: number;
  };
}

/** `run.json`: how one run went; written when the run ended, whatever the ending. */
export interface StoredRun {
  readonly schema_version: number;
  readonly index: number;
  readonly name: string;
  readonly point: readonly { readonly path: string; readonly value: string | number | boolean }[];
  readonly repetition: number;
  readonly seed: number;
  readonly state: RunState;
  readonly states: readonly { readonly state: RunState; readonly at_ns: string }[];
  /** Start of sending (warm-up) and the measurement window; null when the run did not get that far. */
  readonly window: {
    readonly send_start_ns: string;
    readonly measure_start_ns: string;
    readonly measure_end_ns: string;
    readonly send_end_ns: string;
  } | null;
  /** Why sending ended before its time, which cut the window; null when it did not, absent in early folders. */
  readonly stopped?: StoredStop | null;
  /** Requests the arrival process announced for the measurement window; null for closed loops. */
  readonly expected_requests: number | null;
  readonly processes: readonly StoredProcess[];
  readonly files: readonly StoredFile[];
  /** What went wrong, in words for the user; empty when nothing did. */
  readonly problems: readonly string[];
  /** Model instances in order of index, with the ids the controller gave them; empty when loading failed. */
  readonly models: readonly { readonly model: string; readonly model_id: number }[];
  /** Absent for a run on hosts. */
  readonly simulation?: StoredSimulation;
}
