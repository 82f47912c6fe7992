/** One host as the runner sees it: launch processes there, follow them, and end every one of them. */
import type { Result } from "#stdx/result.ts";

/** Every process of an experiment carries this variable, so that what is left of it can be found. */
export const MARKER_VARIABLE = "ESCAPEMENT_RUN_ID";

/** A process to start on a host. */
export interface ProcessSpec {
  /** Unique among the processes that run on the host at the time: "controller", "worker0". */
  readonly name: string;
  /** Program and arguments; no shell is involved. */
  readonly command: readonly string[];
  /** Absolute path on the host. */
  readonly cwd: string;
  /** Added to the host's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path on the host of the file that receives both output streams, line by line; its folder exists. */
  readonly logPath: string;
}

export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  /** Without its newline; lines above 64 KiB arrive in pieces. */
  readonly text: string;
}

/** How a process ended: the same fields for every way that it can end, a failed start included. */
export interface CommandOutcome {
  readonly name: string;
  readonly host: string;
  readonly command: readonly string[];
  /** Null when the process never started. */
  readonly pid: number | null;
  /** Null when a signal ended it, when it never started, and when its end was not seen. */
  readonly exitCode: number | null;
  /** "SIGKILL", or null when no signal ended it. */
  readonly signal: string | null;
  /** A stop ran out of its grace, so that the process was killed. */
  readonly timedOut: boolean;
  /** We asked it to end (a signal, the end of its input, or `endAll`) before it did. */
  readonly canceled: boolean;
  /** The last lines of each stream, without trailing newline. */
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end; 0 when it never started. */
  readonly durationMs: number;
  /** Why it never started, or why its end was not seen; null otherwise. */
  readonly cause: string | null;
}

/** What the kernel counts of one process; totals since its start. */
export interface ProcessSample {
  /** The name that it was launched by. */
  readonly process: string;
  readonly pid: number;
  /** The kernel's letter: R running, S and D waiting, T and t stopped, Z ended. */
  readonly state: string;
  /** Of all threads. */
  readonly cpuNs: number;
  /** Of the main thread: on a processor, and ready but without one. Null where the kernel does not count it. */
  readonly runNs: number | null;
  readonly runDelayNs: number | null;
  readonly rssBytes: number;
  readonly majorFaults: number;
}

/** What the kernel counts of a host: totals since its boot, null where it has none. Instants are decimal strings. */
export interface HostSample {
  /** Ns since the Unix epoch by the supervisor's clock, which does not follow steps of the wall clock. */
  readonly atNs: string;
  /** The wall clock and the monotonic clock at that instant. */
  readonly realtimeNs: string;
  readonly monotonicNs: string;
  readonly cpuCount: number;
  /** Of all processors together. */
  readonly cpuBusyNs: number | null;
  readonly cpuStealNs: number | null;
  /** Time in which at least one task waited for it. */
  readonly cpuPressureNs: number | null;
  readonly memoryPressureNs: number | null;
  readonly ioPressureNs: number | null;
  /** What the processes' control groups were held back by CPU quotas, since the sampling began. */
  readonly throttledNs: number | null;
  readonly throttledPeriods: number | null;
  readonly processes: readonly ProcessSample[];
}

/** What a host reports about its processes, in the order in which it happened there. */
export type HostEvent =
  | { readonly kind: "line"; readonly name: string; readonly line: OutputLine }
  | { readonly kind: "exited"; readonly name: string; readonly outcome: CommandOutcome }
  /** The log file of a process can no longer be written (the disk is full, for example); reported once. */
  | { readonly kind: "log-failed"; readonly name: string; readonly reason: string }
  /** About ten times a second while a process runs; dropped while the runner does not read. */
  | { readonly kind: "sample"; readonly sample: HostSample }
  /** The supervisor is gone; the outcomes of its processes follow as `exited` with a cause. */
  | { readonly kind: "lost"; readonly reason: string };

/** A started process. Instants are decimal strings of ns since the Unix epoch, by the host's clock. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly startedNs: string;
  /** Settles once, after the last line was reported; never rejects. */
  readonly exited: Promise<CommandOutcome>;
  /** Writes to its standard input; without effect once it ended. */
  write(text: string): void;
  /** Closes its standard input. */
  endInput(): void;
  /** Sends a signal to the process itself, not to its group. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  /** SIGTERM, and after `graceMs` SIGKILL to the process and its group. */
  stop(options: { readonly graceMs: number }): Promise<CommandOutcome>;
}

export interface HostProcess {
  /** Null for a process that another one of ours started. */
  readonly name: string | null;
  readonly pid: number;
  readonly command: string;
}

/** What was left after everything was ended; empty unless a process could not be killed. */
export interface EndReport {
  readonly ended: number;
  readonly survivors: readonly HostProcess[];
}

/**
 * One host with its supervisor. The supervisor outlives a lost connection by the lease, then ends everything that was
 * started: SIGTERM, a grace, SIGKILL, until nothing is left, children that called setsid or forked twice included.
 */
export interface RemoteHost {
  readonly name: string;
  /** Address at which the host's processes reach each other. */
  readonly address: string;
  /** Starts a process; the error is an outcome whose `cause` says why it could not be started. */
  launch(spec: ProcessSpec): Promise<Result<RunningProcess, CommandOutcome>>;
  /** Every living process that this host's supervisor is responsible for. */
  list(): Promise<readonly HostProcess[]>;
  /** Ends every process, descendants included; works when the supervisor is gone as well. */
  endAll(options: { readonly graceMs: number }): Promise<EndReport>;
  /** `endAll`, then ends the supervisor. Idempotent. */
  close(): Promise<EndReport>;
}

/** What every implementation is opened with. */
export interface HostOptions {
  /** Value of `MARKER_VARIABLE`: one experiment's results id. */
  readonly marker: string;
  /** How long the supervisor outlives the connection. */
  readonly leaseMs: number;
  /** Between SIGTERM and SIGKILL when the lease ended. */
  readonly graceMs: number;
  readonly onEvent: (event: HostEvent) => void;
}
