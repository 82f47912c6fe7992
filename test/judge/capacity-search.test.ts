/** The search for a capacity: its path on systems that are known, and how often it is right on thousands that are noisy. */
import { describe, expect, test } from "bun:test";
import type { Goal, Search } from "#experiment/resolved.ts";
import {
  type Evidence,
  expectedRuns,
  type SearchView,
  viewSearch,
} from "#judge/capacity-search.ts";
import type { Observation } from "#judge/load-judgement.ts";
import { Rng } from "#stdx/rng.ts";
import { type KnownSystem, randomSystem, runOf, trueCapacity } from "./known-systems.ts";

const ATTAINMENT: Goal = { metric: "slo_attainment", atLeast: 0.99, atMost: null };

/** Loads from 100/s on, each `ratio` times the one before. */
const searchOf = (count: number, ratio: number, more: Partial<Search> = {}): Search => ({
  over: "workload.rate",
  loads: Array.from({ length: count }, (_, index) => {
    const load = 100 * ratio ** index;
    return { value: `${load}/s`, load };
  }),
  goals: [ATTAINMENT],
  confidence: 0.95,
  repetitionsMax: 6,
  ...more,
});

const attained = (value: number, samples = 2000): Observation => ({
  kind: "measured",
  values: [{ value, samples }],
});

interface Ran {
  readonly view: SearchView;
  /** "load reason" of every run. */
  readonly path: readonly string[];
}

/** Runs a search to its end against something that answers each run. */
const play = (search: Search, answer: (load: number, run: number) => Observation): Ran => {
  const evidence: Observation[][] = search.loads.map(() => []);
  const path: string[] = [];
  for (;;) {
    const view = viewSearch(search, evidence);
    if (view.step.kind === "done") return { view, path };
    const { load, reason } = view.step;
    const runs = evidence[load] as Observation[];
    expect(runs.length).toBeLessThan(search.repetitionsMax);
    path.push(`${load} ${reason}`);
    runs.push(answer(load, runs.length));
  }
};

describe("on a system without noise", () => {
  test("it doubles, halves and confirms both ends", () => {
    // Doubling takes two steps at a ratio of √2; the highest load that meets the goal is number 5.
    const { view, path } = play(searchOf(12, Math.SQRT2), (load) => attained(load <= 5 ? 1 : 0.8));
    expect(path).toEqual([
      "0 lowest",
      "2 double",
      "4 double",
      "6 double",
      "5 halve",
      "5 confirm",
      "6 confirm",
      "5 confirm",
      "6 confirm",
    ]);
    expect(view.bracket).toEqual({ low: 5, high: 6 });
    expect(view.clear).toEqual({ low: 5, high: 6 });
    expect(view.nonMonotone).toEqual([]);
  });

  test("it finds every position of the knee on every length of ladder", () => {
    for (const count of [2, 3, 7, 20]) {
      for (let knee = -1; knee < count; knee++) {
        const { view } = play(searchOf(count, 1.2), (load) => attained(load <= knee ? 1 : 0.5));
        const low = knee === -1 ? null : knee;
        expect(view.bracket).toEqual({ low, high: knee === count - 1 ? null : knee + 1 });
      }
    }
  });

  test("it asks for about as many runs as were announced", () => {
    const search = searchOf(58, 1.05);
    const { about, most } = expectedRuns(search);
    const { path } = play(search, (load) => attained(load <= 40 ? 1 : 0.8));
    expect(path.length).toBeLessThanOrEqual(about);
    expect(path.length).toBeGreaterThan(about / 2);
    expect(most).toBeGreaterThan(2 * about);
  });
});

describe("a load that is hard to tell", () => {
  test("is repeated until it is clear", () => {
    const values = [0.991, 0.993, 0.992, 0.992];
    const { path } = play(searchOf(2, 2), (load, run) =>
      attained(load === 0 ? (values[run] ?? 0.992) : 0.5),
    );
    expect(path.filter((each) => each === "0 unclear").length).toBeGreaterThanOrEqual(2);
  });

  test("is decided by the mean once its runs are used up, and the answer is no longer clear", () => {
    const { view } = play(searchOf(3, 2), (load, run) =>
      attained(load === 0 ? 1 : load === 1 ? (run % 2 === 0 ? 1 : 0.985) : 0.5),
    );
    expect(view.bracket).toEqual({ low: 1, high: 2 });
    expect(view.states[1]).toMatchObject({ meets: true, isClear: false, isFinal: true });
    expect(view.clear).toEqual({ low: 0, high: 2 });
  });

  test("turns the bracket when its confirmation says otherwise", () => {
    const flip = (load: number, run: number): number =>
      load < 3 || (load === 3 && run === 0) ? 1 : 0.5;
    const { view, path } = play(searchOf(9, 1.5), (load, run) => attained(flip(load, run)));
    expect(path).toContain("3 confirm");
    expect(view.bracket).toEqual({ low: 2, high: 3 });
  });
});

describe("runs that count for nothing", () => {
  const VOID: Observation = { kind: "void", isGenerator: true };

  test("are repeated", () => {
    const { view, path } = play(searchOf(2, 2), (load, run) =>
      run === 0 ? VOID : attained(load === 0 ? 1 : 0.5),
    );
    expect(path.slice(0, 2)).toEqual(["0 lowest", "0 void"]);
    expect(view.bracket).toEqual({ low: 0, high: 1 });
  });

  test("end in a limit of the generator, not in a capacity", () => {
    const { view } = play(searchOf(9, 1.5), (load) => (load <= 4 ? attained(1) : VOID));
    expect(view.bracket).toEqual({ low: 4, high: 5 });
    expect(view.states[5]).toEqual({ kind: "given-up", isGenerator: true });
  });

  test("leave nothing to say when the lowest load has no other", () => {
    const { view, path } = play(searchOf(9, 1.5), () => ({ kind: "void", isGenerator: false }));
    expect(path).toEqual(["0 lowest", "0 void", "0 void"]);
    expect(view.bracket).toEqual({ low: null, high: 0 });
  });
});

test("a run that was stopped early misses", () => {
  const { view } = play(searchOf(5, 1.5), (load) => (load <= 2 ? attained(1) : { kind: "missed" }));
  expect(view.bracket).toEqual({ low: 2, high: 3 });
  expect(view.clear).toEqual({ low: 2, high: 3 });
});

test("beside a run that was stopped early each other run has a voice", () => {
  const beside = (...others: readonly number[]) => {
    const evidence: Evidence = [
      [{ kind: "missed" }, ...others.map((value) => attained(value))],
      [],
    ];
    return viewSearch(searchOf(2, 2), evidence).states[0];
  };
  expect(beside(0.7, 0.5)).toMatchObject({ meets: false, isClear: true });
  expect(beside(0.7, 1)).toMatchObject({ meets: false, isClear: false });
  expect(beside(1, 1)).toMatchObject({ meets: true, isClear: false });
});

describe("a goal about latency", () => {
  const goals: Goal[] = [{ metric: "latency_p99", atLeast: null, atMost: 100e6 }];
  const took = (...ms: readonly number[]): Observation[] =>
    ms.map((each) => ({ kind: "measured", values: [{ value: each * 1e6, samples: 2000 }] }));
  const stateOf = (first: readonly Observation[], second: readonly Observation[]) =>
    viewSearch(searchOf(2, 2, { goals }), [first, second]).states[1];

  test("is decided by one run that is far from the bound, as far as runs differ", () => {
    // Three spreads of at least a tenth of the bound: below 70 ms or above 130 ms.
    expect(stateOf([], took(69))).toMatchObject({ meets: true, isClear: true });
    expect(stateOf([], took(71))).toMatchObject({ meets: true, isClear: false });
    expect(stateOf([], took(129))).toMatchObject({ meets: false, isClear: false });
    expect(stateOf([], took(131))).toMatchObject({ meets: false, isClear: true });
    // Runs of 20 ms and 40 ms differ by half their mean, so one run of the other load decides nothing any more.
    expect(stateOf(took(20, 40), took(69))).toMatchObject({ meets: true, isClear: false });
  });

  test("is decided by Student's interval of several", () => {
    // Mean 90 ms, standard error 1 ms / √3: 17 errors below the bound, where 2.92 are due.
    expect(stateOf([], took(89, 90, 91))).toMatchObject({ meets: true, isClear: true });
    // Mean 95 ms, standard error 5.8 ms.
    expect(stateOf([], took(85, 95, 105))).toMatchObject({ meets: true, isClear: false });
  });
});

test("a bound that cannot be exceeded is met surely by two runs that reach it", () => {
  const goals: Goal[] = [{ metric: "dropped_share", atLeast: null, atMost: 0 }];
  const evidence: Evidence = [[attained(0), attained(0)], []];
  expect(viewSearch(searchOf(2, 2, { goals }), evidence).states[0]).toMatchObject({
    meets: true,
    isClear: true,
  });
});

test("few requests that are all in time prove no share of 99 %, in however many runs they came", () => {
  const stateOf = (runs: number, samples: number) => {
    const evidence: Evidence = [Array.from({ length: runs }, () => attained(1, samples)), []];
    return viewSearch(searchOf(2, 2), evidence).states[0];
  };
  // Four requests count as one: 0.99^n is below 5 % from n = 299 on.
  expect(stateOf(2, 100)).toMatchObject({ meets: true, isClear: false });
  expect(stateOf(2, 596)).toMatchObject({ meets: true, isClear: false });
  expect(stateOf(2, 600)).toMatchObject({ meets: true, isClear: true });
});

test("all goals have to be met", () => {
  const goals: Goal[] = [ATTAINMENT, { metric: "latency_p99", atLeast: null, atMost: 50e6 }];
  const { view } = play(searchOf(9, 1.5, { goals }), (load) => ({
    kind: "measured",
    values: [
      { value: load <= 6 ? 1 : 0.5, samples: 2000 },
      { value: load <= 3 ? 10e6 : 90e6, samples: 2000 },
    ],
  }));
  expect(view.bracket).toEqual({ low: 3, high: 4 });
});

test("a load that misses below one that meets is noticed", () => {
  const evidence: Evidence = [
    [attained(1)],
    [attained(0.5), attained(0.5), attained(0.5)],
    [attained(1)],
    [],
  ];
  expect(viewSearch(searchOf(4, 1.5), evidence).nonMonotone).toEqual([1]);
});

describe("on thousands of noisy systems", () => {
  const SYSTEMS = 1000;
  const kinds: readonly (readonly [string, Pick<KnownSystem, "softness" | "drift">, number])[] = [
    ["a sharp knee", { softness: 0, drift: 0 }, 0.95],
    ["a sharp knee that moves by 2 % from run to run", { softness: 0, drift: 0.02 }, 0.95],
    ["a soft knee", { softness: 0.05, drift: 0.01 }, 0.95],
  ];
  for (const [name, kind, least] of kinds) {
    test(`with ${name} it ends within a step of the truth`, () => {
      const search = searchOf(58, 1.05);
      const ratio = 1.05;
      const rng = Rng.of(11, name);
      let [right, claimed, runs] = [0, 0, 0];
      for (let index = 0; index < SYSTEMS; index++) {
        const system = randomSystem(rng, kind);
        const truth = trueCapacity(system, 0.99);
        const { view, path } = play(search, (load) =>
          runOf(system, search.loads[load]?.load ?? 0, rng),
        );
        const at = (end: number | null, none: number): number =>
          end === null ? none : (search.loads[end]?.load ?? none);
        const [low, high] = [at(view.bracket.low, 0), at(view.bracket.high, Infinity)];
        if (truth >= low / ratio && truth <= high * ratio) right++;
        if (truth >= at(view.clear.low, 0) && truth <= at(view.clear.high, Infinity)) claimed++;
        runs += path.length;
      }
      expect(right / SYSTEMS).toBeGreaterThanOrEqual(least);
      // Two ends of 95 % each, looked at again and again while they were unclear.
      expect(claimed / SYSTEMS).toBeGreaterThanOrEqual(0.85);
      const { about } = expectedRuns(search);
      expect(runs / SYSTEMS).toBeLessThan(about * 1.4);
    }, 60_000);
  }
});
