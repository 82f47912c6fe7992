/** Holds an experiment's claims about a capacity against what its searches found. */
import type { Check } from "#experiment/resolved.ts";
import type { Capacity } from "#judge/capacity.ts";
import type { CheckResult } from "#judge/checks.ts";

type Side = "atLeast" | "atMost";

const applies = (check: Check, { point }: Capacity): boolean =>
  check.when.every(({ path, value }) =>
    point.some((swept) => swept.path === path && swept.value === value),
  );

/**
 * What the search vouches for on one side: the end of its bracket that is clear. Null where there is none, or where it
 * could not be measured, which says nothing of the system.
 */
const endOf = ({ view, loads }: Capacity, side: Side): number | null => {
  const { low, high } = view.clear;
  const end = side === "atLeast" ? low : high;
  if (end === null || view.states[end]?.kind !== "judged") return null;
  return loads[end]?.load ?? null;
};

/** Why a side has no end. */
const reasonOf = ({ view, loads }: Capacity, side: Side): string => {
  if (view.step.kind !== "done") return "the search is not finished";
  const { low, high } = view.bracket;
  if (side === "atMost") {
    if (high === null)
      return `the highest load of the search, ${loads.at(-1)?.value}, meets the goal`;
    return view.states[high]?.kind === "given-up"
      ? `no run at ${loads[high]?.value} counts`
      : "it is not clear of any load that it misses the goal";
  }
  if (low !== null) return "it is not clear of any load that it meets the goal";
  return view.states[0]?.kind === "given-up"
    ? "no run of the lowest load counts"
    : `the lowest load of the search, ${loads[0]?.value}, misses the goal`;
};

/** Beyond an end of the ladder nothing was measured: a claim is known not to hold only where it is about that end. */
const isRefuted = (check: Check, { view, loads }: Capacity, side: Side): boolean => {
  const isBelow = side === "atLeast";
  if ((isBelow ? view.bracket.low : view.bracket.high) !== null) return false;
  const end = isBelow ? 0 : loads.length - 1;
  const [state, load] = [view.states[end], loads[end]?.load ?? 0];
  if (state?.kind !== "judged" || !state.isClear) return false;
  return isBelow ? (check.atLeast ?? 0) >= load : (check.atMost ?? 0) <= load;
};

const judgeSide = (
  check: Check,
  capacity: Capacity,
  side: Side,
): Pick<CheckResult, "status" | "observed" | "reason"> => {
  const { step } = capacity.view;
  const end = step.kind === "done" ? endOf(capacity, side) : null;
  if (end !== null) {
    const holds = side === "atLeast" ? end >= (check.atLeast ?? 0) : end <= (check.atMost ?? 0);
    return { status: holds ? "pass" : "fail", observed: end, reason: "" };
  }
  const isKnown = step.kind === "done" && isRefuted(check, capacity, side);
  const status = isKnown ? "fail" : "not-evaluated";
  return { status, observed: null, reason: reasonOf(capacity, side) };
};

const judgeOne = (check: Check, capacity: Capacity): CheckResult => {
  const sides = (["atLeast", "atMost"] as const).filter((side) => check[side] !== null);
  const judged = sides.map((side) => judgeSide(check, capacity, side));
  const worst = judged.find(({ status }) => status !== "pass") ?? judged[0];
  const name = capacity.point.map(({ path, value }) => `${path}=${value}`).join(", ");
  return {
    check: check.name,
    metric: check.metric,
    atLeast: check.atLeast,
    atMost: check.atMost,
    run: name === "" ? null : { index: null, name },
    unit: typeof capacity.loads[0]?.value === "string" ? "per_s" : "count",
    samples: capacity.trials.length,
    status: worst?.status ?? "not-evaluated",
    observed: worst?.observed ?? null,
    reason: worst?.reason ?? "",
  };
};

/** One result per check of the capacity and search that it applies to; other checks have none. */
export const judgeCapacityChecks = (
  checks: readonly Check[],
  capacities: readonly Capacity[],
): readonly CheckResult[] =>
  checks
    .filter(({ metric }) => metric === "capacity")
    .flatMap((check) =>
      capacities
        .filter((capacity) => applies(check, capacity))
        .map((capacity) => judgeOne(check, capacity)),
    );
