/** Searches that ran against something known, for tests of what is made of them. */
import type { Goal, Plan, PlannedRun, Point, Search } from "#experiment/resolved.ts";
import { type Capacity, findCapacities, type SearchedRun } from "#judge/capacity.ts";
import { plannedRun } from "../support/planned-runs.ts";

export const ATTAINMENT: Goal = { metric: "slo_attainment", atLeast: 0.99, atMost: null };

export const searchOf = (more: Partial<Search> = {}): Search => ({
  over: "workload.rate",
  loads: [100, 200, 400, 800].map((load) => ({ value: `${load}/s`, load })),
  goals: [ATTAINMENT],
  confidence: 0.95,
  repetitionsMax: 3,
  ...more,
});

/** Every load as often as it may be tried, at each of the points. */
export const planOf = (
  search: Search,
  points: readonly Point[] = [[]],
): Pick<Plan, "search" | "runs"> => {
  const all = points.flatMap((point) =>
    search.loads.map(({ value }): Point => [...point, { path: search.over, value }]),
  );
  const runs = all.flatMap((point, position) =>
    Array.from({ length: search.repetitionsMax }, (_, again): PlannedRun => {
      const index = position * search.repetitionsMax + again;
      return plannedRun(index, { point, repetition: again + 1, name: `run${index}` });
    }),
  );
  return { search, runs };
};

/** What a run of the plan is said to have measured: its attainment, or why it is an exception. */
export type Answer = number | NonNullable<SearchedRun["exception"]>;

export const ranAs = (run: PlannedRun, answer: Answer, startedNs: bigint): SearchedRun => ({
  index: run.index,
  name: run.name,
  point: run.point,
  startedNs,
  metrics:
    typeof answer === "number"
      ? {
          slo_attainment: { metric: "slo_attainment", unit: "share", value: answer, samples: 4000 },
        }
      : {},
  verdict: typeof answer === "number" ? "VALID" : "INVALID",
  isDisturbed: typeof answer !== "number" && answer.kind === "void",
  exception: typeof answer === "number" ? null : answer,
});

/** Plays every search of a plan to its end, or to so many runs. */
export const playedOut = (
  plan: Pick<Plan, "search" | "runs">,
  answer: (run: PlannedRun) => Answer,
  runsMax = Infinity,
): readonly Capacity[] => {
  const runs: SearchedRun[] = [];
  for (;;) {
    const capacities = findCapacities(plan, runs);
    const open = capacities.find(({ view }) => view.step.kind === "run");
    const step = open?.view.step;
    if (open === undefined || step?.kind !== "run" || runs.length >= runsMax) return capacities;
    const value = open.loads[step.load]?.value;
    const wanted = JSON.stringify([...open.point, { path: open.over, value }]);
    const next = plan.runs.find(
      ({ index, point }) =>
        JSON.stringify(point) === wanted && runs.every((run) => run.index !== index),
    );
    if (next === undefined) throw new Error("the plan has no run left for this load");
    runs.push(ranAs(next, answer(next), BigInt(runs.length)));
  }
};

/** Requests per second that a run of `planOf` offers. */
export const rateOf = ({ point }: PlannedRun): number =>
  Number.parseFloat(String(point.at(-1)?.value));
