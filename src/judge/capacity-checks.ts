/** Holds an experiment's claims about a capacity against what its searches found. */
import type { Check } from "#experiment/resolved.ts";
import type { Capacity } from "#judge/capacity.ts";
import type { CheckResult } from "#judge/checks.ts";

type Side = "atLeast" | "atMost";

const applies = (check: Check, { point }: Capacity): boolean =>
  check.when.every(({ path, value }) =>
    point.some((swept) => swept.path === path && swept.value === value),
  );

/** What the search vouches for on one side: the end of its bracket that is clear. Null where there is none. */
const endOf = ({ view, loads }: Capacity, side: Side): number | null => {
  const { low, high } = view.clear;
  const end = side === "atLeast" ? low : high;
  return end === null ? null : (loads[end]?.load ?? null);
};

/** Why a side has no end. */
const reasonOf = ({ view, loads }: Capacity, side: Side): string => {
  if (view.step.kind !== "done") return "the search is not finished";
  const { low, high } = view.bracket;
  if (side === "atMost") {
    if (high === null)
      return `the highest load of the search, ${loads.at(-1)?.value}, meets the goal`;
    return "it is not clear of any load that it misses the goal";
  }
  if (low !== null) return "it is not clear of any load that it meets the goal";
  return view.states[0]?.kind === "given-up"
    ? "no run of the lowest load counts"
    : `the lowest load of the search, ${loads[0]?.value}, misses the goal`;
};

const isGivenUp = ({ view: { states, clear } }: Capacity): boolean =>
  clear.high !== null && states[clear.high]?.kind === "given-up";

const judgeSide = (
  check: Check,
  capacity: Capacity,
  side: Side,
): Pick<CheckResult, "status" | "observed" | "reason"> => {
  const bound = check[side] ?? 0;
  const isFinished = capacity.view.step.kind === "done";
  // A load that could not be measured says nothing of the system.
  const end = side === "atMost" && isGivenUp(capacity) ? null : endOf(capacity, side);
  if (!isFinished || end === null) {
    const isKnown =
      isFinished && capacity.view.bracket[side === "atLeast" ? "low" : "high"] === null;
    const isMeasured = capacity.view.states[0]?.kind !== "given-up";
    const status = isKnown && isMeasured ? "fail" : "not-evaluated";
    return { status, observed: null, reason: reasonOf(capacity, side) };
  }
  const holds = side === "atLeast" ? end >= bound : end <= bound;
  return { status: holds ? "pass" : "fail", observed: end, reason: "" };
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
