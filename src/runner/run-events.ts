/** What a run's state machine takes in and gives out, and what it is given at the start. */
import type { LiveCounters } from "#runner/live-counters.ts";
import type { StopWatch } from "#runner/stop-rules.ts";
import type { RunState, StoredStop } from "#telemetry/results.ts";
import type { StatedModel, StatusLine } from "#telemetry/status-line.ts";

/** Names of the roles' processes, in the order in which they start. */
export interface RunCast {
  readonly workers: readonly string[];
  readonly controller: string;
  /** The load generators; the first of them loads the models. */
  readonly clients: readonly string[];
}

export interface RunLimits {
  /** From launch until every role is ready. */
  readonly launchMs: number;
  /** What the client is given to send everything: warm-up, window and cool-down. */
  readonly sendMs: number;
  /** From the last send until every outcome is known. */
  readonly drainMs: number;
  /** Looks at the counters of the load generators, and may end sending early; null when nothing may. */
  readonly stopWatch: StopWatch | null;
}

export type RunEvent =
  | { readonly kind: "begin" }
  | { readonly kind: "status"; readonly name: string; readonly status: StatusLine }
  /** `description` says how it ended, with the last lines of its output. */
  | {
      readonly kind: "exited";
      readonly name: string;
      readonly clean: boolean;
      readonly description: string;
    }
  | { readonly kind: "launch-failed"; readonly name: string; readonly description: string }
  | { readonly kind: "log-failed"; readonly name: string; readonly reason: string }
  | { readonly kind: "host-lost"; readonly reason: string }
  /** The runner itself cannot go on, such as with a full disk. */
  | { readonly kind: "runner-failed"; readonly reason: string }
  | { readonly kind: "interrupt" }
  | { readonly kind: "collected"; readonly problems: readonly string[] }
  | { readonly kind: "torn-down"; readonly problems: readonly string[] }
  | { readonly kind: "timer" };

export type RunEffect =
  | { readonly kind: "enter"; readonly state: RunState; readonly reason: string }
  | { readonly kind: "launch-worker"; readonly name: string; readonly index: number }
  | {
      readonly kind: "launch-controller";
      readonly name: string;
      readonly workerPorts: readonly number[];
    }
  | {
      readonly kind: "launch-client";
      readonly name: string;
      readonly index: number;
      readonly controllerPort: number;
    }
  | {
      readonly kind: "tell-models";
      readonly name: string;
      readonly models: readonly StatedModel[];
    }
  /** All at one instant. */
  | { readonly kind: "start-sending"; readonly names: readonly string[] }
  | {
      readonly kind: "finish-sending";
      readonly names: readonly string[];
      readonly stopped: StoredStop;
    }
  | { readonly kind: "show-progress"; readonly counters: LiveCounters }
  | { readonly kind: "end-input"; readonly name: string }
  | { readonly kind: "terminate"; readonly name: string }
  | { readonly kind: "kill"; readonly name: string }
  | { readonly kind: "collect" }
  | { readonly kind: "tear-down" }
  | { readonly kind: "finish" };
