/** What a report says of a search, for every way in which one can end, and that its chart comes out whole. */
import { describe, expect, test } from "bun:test";
import { capacityAlt, capacityChart } from "#report/capacity-chart.ts";
import { describeCapacity, describeTrial, shortCapacity } from "#report/capacity-text.ts";
import { renderSvg } from "#report/svg.ts";
import { type Answer, planOf, playedOut, rateOf, searchOf } from "../judge/capacities.ts";

const TITLES = { slo_attainment: "SLO attainment" };

const PLAN = planOf(searchOf());

const played = (answer: (rate: number, repetition: number) => Answer, runsMax?: number) => {
  const [capacity] = playedOut(PLAN, (run) => answer(rateOf(run), run.repetition), runsMax);
  if (capacity === undefined) throw new Error("the plan has a search");
  return capacity;
};

const LATE: Answer = { kind: "void", isGenerator: true, reason: "requests were sent 90 ms late" };
const DEAD: Answer = { kind: "void", isGenerator: false, reason: "worker0 ended" };
const GOAL = "SLO attainment of at least 99.00 %";

describe("the answer", () => {
  test.each([
    [
      "between two loads",
      played((rate) => (rate <= 200 ? 1 : 0.7)),
      `The highest load that meets ${GOAL} is **between 200/s and 400/s** (95 % confidence at either end).`,
      "200/s to 400/s",
    ],
    [
      "between two loads of which one is not clear",
      played((rate, repetition) =>
        rate <= 200 ? 1 : rate <= 400 ? (repetition === 2 ? 0.9 : 1) : 0.7,
      ),
      `The highest load that meets ${GOAL} is **between 200/s and 400/s** by the means of the runs; with 95 % confidence it is at least 200/s and it is below 800/s. More \`search.repetitionsMax\` or longer runs narrow it down.`,
      "200/s to 400/s",
    ],
    [
      "below the lowest load",
      played(() => 0.5),
      `Even the lowest load, **100/s**, misses ${GOAL}: the capacity is below it. Lower \`search.from\`.`,
      "below 100/s",
    ],
    [
      "above the highest load",
      played(() => 1),
      `Even the highest load, **800/s**, meets ${GOAL}: the capacity is at least that. Raise \`search.to\`.`,
      "at least 800/s",
    ],
    [
      "beyond what the generator can do",
      played((rate) => (rate <= 200 ? 1 : LATE)),
      "**The load generator is what gives up first**: at 400/s no run can be trusted, so the capacity is **at least 200/s**. Evidence: requests were sent 90 ms late. Use more generators or a machine with more cores to see further.",
      "at least 200/s",
    ],
    [
      "nowhere, because no run was of use",
      played(() => DEAD),
      "**At 100/s no run could be used**, so nothing is known of the capacity. Evidence: worker0 ended.",
      "–",
    ],
    [
      "not yet known",
      played((rate) => (rate <= 200 ? 1 : 0.7), 3),
      "The search for the capacity is not finished: so far it is at least 200/s and below 400/s.",
      "not finished",
    ],
  ] as const)("is %s", (_, capacity, sentence, short) => {
    expect(describeCapacity(capacity, TITLES)).toBe(sentence);
    expect(shortCapacity(capacity)).toBe(short);
  });

  test("says so when every run that misses is SUSPECT", () => {
    const capacity = played((rate) => (rate <= 200 ? 1 : 0.7));
    const doubtful = (from: number) =>
      capacity.trials.map((trial, position) =>
        position < from
          ? trial
          : { ...trial, run: { ...trial.run, verdict: "SUSPECT" as const, isDisturbed: true } },
      );
    const warning =
      "**All runs at 400/s are SUSPECT**: what disturbed them may have made the capacity too low.";
    expect(describeCapacity({ ...capacity, trials: doubtful(0) }, TITLES)).toEndWith(warning);
    expect(describeCapacity({ ...capacity, trials: doubtful(3) }, TITLES)).not.toContain("SUSPECT");
  });

  test("says so when every run that misses is INVALID; of runs that a rule ended it is no doubt", () => {
    const missed: Answer = { kind: "missed", reason: "9 requests (3 %) had no answer" };
    const capacity = played((rate) => (rate <= 200 ? 1 : missed));
    expect(describeCapacity(capacity, TITLES)).toEndWith(
      " All runs at 400/s are INVALID, in a way that counts as a miss: 9 requests (3 %) had no answer.",
    );
    const trials = capacity.trials.map((trial) => ({
      ...trial,
      run: { ...trial.run, verdict: "SUSPECT" as const },
    }));
    expect(describeCapacity({ ...capacity, trials }, TITLES)).not.toContain("SUSPECT");
  });

  test("says so when a higher load meets the goal that a lower one misses", () => {
    const capacity = played(() => 1);
    const mixed = { ...capacity, view: { ...capacity.view, nonMonotone: [1] } };
    expect(describeCapacity(mixed, TITLES)).toEndWith(
      "**Not monotone**: 200/s misses the goal although a higher load meets it, so there is more than one such load; the lowest is told.",
    );
  });
});

test("the terminal is told what each run decided and what comes next", () => {
  const capacity = played((rate) => (rate <= 200 ? 1 : 0.7), 2);
  const trial = capacity.trials.at(-1);
  if (trial === undefined) throw new Error("there are trials");
  expect(describeTrial(capacity, trial, TITLES)).toBe(
    "  search: 200/s: SLO attainment 100 %; meets → next 400/s",
  );
  const lame = played(() => LATE, 1);
  const [first] = lame.trials;
  if (first === undefined) throw new Error("there is a trial");
  expect(describeTrial(lame, first, TITLES)).toBe(
    "  search: 100/s: does not count: requests were sent 90 ms late → next 100/s",
  );
  const over = played(() => ({ kind: "missed", reason: "3 % had no answer" }), 1);
  const [missed] = over.trials;
  if (missed === undefined) throw new Error("there is a trial");
  expect(describeTrial(over, missed, TITLES)).toContain("100/s: misses: 3 % had no answer → ");
});

describe("the chart", () => {
  const chartOf = (capacity: ReturnType<typeof played>) => {
    const [goal] = capacity.goals;
    if (goal === undefined) throw new Error("there is a goal");
    return capacityChart(capacity, goal, { titles: TITLES, subtitle: "" });
  };

  test("shows every standing of a run, the goal and the bracket, alike every time", async () => {
    const capacity = played((rate, repetition) =>
      rate <= 200 ? 1 : rate <= 400 ? (repetition === 2 ? 0.9 : 1) : 0.7,
    );
    const spec = chartOf(capacity);
    if (spec === null) throw new Error("there is a chart");
    const svg = await renderSvg(spec);
    for (const text of ["meets the goal", "misses the goal", "not clear", "200/s to 400/s"])
      expect(svg).toContain(text);
    expect(svg).toContain("goal: at least 99.00 %");
    expect(svg).not.toContain("NaN");
    expect(await renderSvg(spec)).toBe(svg);
  });

  test("marks INVALID runs at their load, without their numbers", async () => {
    const capacity = played((rate) => (rate <= 200 ? 1 : LATE));
    const [value] = capacity.trials.map(({ run }) => run.metrics["slo_attainment"]);
    if (value === undefined) throw new Error("the first run has a value");
    const trials = capacity.trials.map((trial) => {
      const slo_attainment = { ...value, value: 0.4321 };
      const isLate = trial.run.exception !== null;
      return isLate ? { ...trial, run: { ...trial.run, metrics: { slo_attainment } } } : trial;
    });
    const spec = chartOf({ ...capacity, trials });
    if (spec === null) throw new Error("there is a chart");
    expect(JSON.stringify(spec)).not.toContain("43.21");
    expect(await renderSvg(spec)).toContain("INVALID");
  });

  test("comes out of a single run, and is none without a value", async () => {
    const spec = chartOf(played(() => 1, 1));
    if (spec === null) throw new Error("there is a chart");
    expect(await renderSvg(spec)).not.toContain("NaN");
    expect(chartOf(played(() => DEAD))).toBeNull();
    expect(
      capacityAlt(
        played(() => 1),
        TITLES,
      ),
    ).toBe(`Runs of the search for the highest load that meets ${GOAL}`);
  });
});
