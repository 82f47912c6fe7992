/** Moves the instants of actions and results from one role's clock to the other's, as the wire mapping of real roles does. */
import type { Action, ActionResult, Timing, WindowEnd } from "#serving/messages.ts";
import { assertNever } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";

type Shift = (instant: Nanos) => Nanos;

const shiftEnd = (end: WindowEnd, shift: Shift): WindowEnd => (end === null ? null : shift(end));

/** An action with its window on another clock. */
export const shiftAction = (action: Action, shift: Shift): Action => {
  switch (action.kind) {
    case "load_model":
    case "load_weights":
    case "evict_weights":
    case "infer": {
      const earliest = shiftEnd(action.earliest, shift);
      return { ...action, earliest, latest: shiftEnd(action.latest, shift) };
    }
    case "clear_cache":
    case "get_worker_state":
      return action;
    default:
      return assertNever(action);
  }
};

const shiftTiming = ({ begin, end, duration }: Timing, shift: Shift): Timing => ({
  begin: shift(begin),
  end: shift(end),
  duration,
});

/** A result with its instants on another clock, and the one at which it was sent. */
export const shiftResult = (result: ActionResult, sentAt: Nanos, shift: Shift): ActionResult => {
  const { actionReceived: received } = result;
  const actionReceived = received === null ? null : shift(received);
  const stamps = { actionReceived, resultSent: shift(sentAt) };
  switch (result.kind) {
    case "load_model":
    case "load_weights":
    case "evict_weights":
      return { ...result, ...stamps, timing: shiftTiming(result.timing, shift) };
    case "infer": {
      const copyInput = shiftTiming(result.copyInput, shift);
      const exec = shiftTiming(result.exec, shift);
      return {
        ...result,
        ...stamps,
        copyInput,
        exec,
        copyOutput: shiftTiming(result.copyOutput, shift),
      };
    }
    case "error":
    case "clear_cache":
    case "get_worker_state":
      return { ...result, ...stamps };
    default:
      return assertNever(result);
  }
};
