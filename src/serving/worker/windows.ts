/** When an action may start, and which status says that it did not. */
import type { WindowEnd } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";

export interface WindowedAction {
  readonly kind: "load_model" | "load_weights" | "evict_weights" | "infer";
  readonly earliest: WindowEnd;
  readonly latest: WindowEnd;
}

const EARLY = {
  load_model: STATUS.RUNTIME_ERROR,
  load_weights: STATUS.LOAD_WEIGHTS_EARLY,
  evict_weights: STATUS.EVICT_EARLY,
  infer: STATUS.EXEC_EARLY,
} as const;

const LATE = {
  load_model: STATUS.LOAD_MODEL_LATE,
  load_weights: STATUS.LOAD_WEIGHTS_LATE,
  evict_weights: STATUS.EVICT_LATE,
  infer: STATUS.EXEC_LATE,
} as const;

/** The status of an action that would start at `now` outside its window; null inside. Both ends belong to the window. */
export const windowStatus = (now: Nanos, action: WindowedAction): number | null => {
  if (action.earliest !== null && now < action.earliest) return EARLY[action.kind];
  if (action.latest !== null && now > action.latest) return LATE[action.kind];
  return null;
};
