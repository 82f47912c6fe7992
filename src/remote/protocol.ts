/** What the runner and a supervisor say to each other: one JSON object per line on the supervisor's input and output. */

import type { HostSample } from "#remote/remote.ts";

/** The first line to a supervisor. */
export interface OpenCommand {
  readonly op: "open";
  readonly marker: string;
  readonly lease_ms: number;
  readonly grace_ms: number;
  /** The environment that launched processes start from. */
  readonly env: Readonly<Record<string, string>>;
}

export type SupervisorCommand =
  | OpenCommand
  | {
      readonly op: "launch";
      readonly name: string;
      readonly command: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      readonly log_path: string;
    }
  | { readonly op: "input"; readonly name: string; readonly text: string }
  | { readonly op: "end-input"; readonly name: string }
  | { readonly op: "signal"; readonly name: string; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly op: "kill-group"; readonly name: string }
  | { readonly op: "list"; readonly id: number }
  | { readonly op: "end-all"; readonly id: number; readonly grace_ms: number }
  | { readonly op: "close"; readonly id: number };

export interface WireProcess {
  readonly name: string | null;
  readonly pid: number;
  readonly command: string;
}

export type SupervisorEvent =
  | { readonly event: "opened"; readonly pid: number }
  | {
      readonly event: "launched";
      readonly name: string;
      readonly pid: number;
      readonly started_ns: string;
    }
  | { readonly event: "launch-failed"; readonly name: string; readonly reason: string }
  | {
      readonly event: "line";
      readonly name: string;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  | { readonly event: "log-failed"; readonly name: string; readonly reason: string }
  | {
      readonly event: "exited";
      readonly name: string;
      readonly exit_code: number | null;
      readonly signal: string | null;
      readonly duration_ms: number;
    }
  | { readonly event: "sample"; readonly sample: HostSample }
  | { readonly event: "listed"; readonly id: number; readonly processes: readonly WireProcess[] }
  | {
      readonly event: "ended-all";
      readonly id: number;
      readonly ended: number;
      readonly survivors: readonly WireProcess[];
    };

export const formatMessage = (message: SupervisorCommand | SupervisorEvent): string =>
  `${JSON.stringify(message)}\n`;

/** Throws on a line that is no JSON: both ends are ours, so that is a broken invariant. */
export const parseCommand = (line: string): SupervisorCommand =>
  JSON.parse(line) as SupervisorCommand;

export const parseEvent = (line: string): SupervisorEvent => JSON.parse(line) as SupervisorEvent;
