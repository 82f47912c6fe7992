/** What a runner reports while it works, for whoever shows it; live figures come from the load generator's counters. */
import type { PlannedRun } from "#experiment/resolved.ts";
import type { LiveCounters } from "#runner/live-counters.ts";
import type { RunState, StoredRun, StoredStop } from "#telemetry/results.ts";

export type RunnerNotice =
  | {
      readonly kind: "opened";
      readonly id: string;
      readonly folder: string;
      readonly runs: readonly PlannedRun[];
    }
  /** A run of an earlier attempt that is kept, or the reason why it is done again. */
  | {
      readonly kind: "resumed";
      readonly run: PlannedRun;
      readonly kept: boolean;
      readonly reason: string;
    }
  | { readonly kind: "state"; readonly run: PlannedRun; readonly state: RunState }
  | { readonly kind: "progress"; readonly run: PlannedRun; readonly counters: LiveCounters }
  /** A rule of the experiment ends sending early. */
  | { readonly kind: "stopping"; readonly run: PlannedRun; readonly stopped: StoredStop }
  /** The run is over and its folder complete. */
  | { readonly kind: "ended"; readonly run: PlannedRun; readonly stored: StoredRun };

export type Observe = (notice: RunnerNotice) => void;
