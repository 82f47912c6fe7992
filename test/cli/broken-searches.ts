/** Kinds of broken search: how each differs from a valid one, and every mistake that must be named. */
import type { BrokenFile } from "./broken-experiments.ts";

/** A valid search, for the place of the valid file's repetitions. */
export const VALID_SEARCH = `search: { over: "workload.rate", from: perSecond(100), to: perSecond(800), goal: { slo_attainment: { atLeast: 0.99 } } },`;

const inSearch = (from: string, to: string): BrokenFile["edits"] => [
  ["repetitions: 2,", VALID_SEARCH.replace(from, () => to)],
];

export const BROKEN_SEARCHES: readonly BrokenFile[] = [
  {
    kind: "a check of a capacity that nothing searches for",
    edits: [
      ['metric: "latency_p99", atMost: ms(40)', 'metric: "capacity", atLeast: perSecond(300)'],
    ],
    mistakes: [
      [
        'checks.fast.metric = "capacity"',
        "nothing is searched for, so no capacity is found",
        "add a search, or name another metric",
      ],
    ],
  },
  {
    kind: "a check of a capacity in the wrong unit",
    edits: [
      ...inSearch("", ""),
      ['metric: "latency_p99", atMost: ms(40)', 'metric: "capacity", atLeast: 300'],
    ],
    mistakes: [
      [
        "checks.fast.atLeast = 300",
        "300 has no unit; a rate is due (for capacity)",
        "write perSecond(300)",
      ],
    ],
  },
  {
    kind: "an unknown key of a search",
    edits: inSearch('over: "workload.rate"', 'over: "workload.rate", steps: 5'),
    mistakes: [
      [
        "search.steps = 5",
        'unknown key "steps"',
        "known here: over, from, to, goal, resolution, confidence, repetitionsMax",
      ],
    ],
  },
  {
    kind: "a search without its key",
    edits: inSearch('over: "workload.rate", ', ""),
    mistakes: [
      [
        "search.over",
        "the key is missing",
        'the path of a rate or a number, such as "workload.rate"; at most 200 characters',
      ],
    ],
  },
  {
    kind: "a search over no key",
    edits: inSearch('"workload.rate"', '"workload.rat"'),
    mistakes: [
      [
        'search.over = "workload.rat"',
        'no key has the path "workload.rat"',
        'write "workload.rate"',
      ],
    ],
  },
  {
    kind: "a search over a group of keys",
    edits: inSearch('"workload.rate"', '"workload"'),
    mistakes: [
      [
        'search.over = "workload"',
        "workload is a group of keys, not one value",
        'the path of a rate or a number, such as "workload.rate"',
      ],
    ],
  },
  {
    kind: "a search over a duration",
    edits: inSearch('"workload.rate"', '"system.scheduleAhead"'),
    mistakes: [
      [
        'search.over = "system.scheduleAhead"',
        "system.scheduleAhead is neither a rate nor a number",
        'the path of a rate or a number, such as "workload.rate"',
      ],
    ],
  },
  {
    kind: "a search over a key of another arrival process",
    edits: inSearch('"workload.rate"', '"workload.concurrency"'),
    mistakes: [
      [
        'search.over = "workload.concurrency"',
        '"concurrency" belongs to arrivals "closed-loop", not to "poisson"',
        'remove the path, or set workload.arrivals to "closed-loop"',
      ],
    ],
  },
  {
    kind: "a search from a bare number",
    edits: inSearch("from: perSecond(100)", "from: 100"),
    mistakes: [["search.from = 100", "100 has no unit; a rate is due", "write perSecond(100)"]],
  },
  {
    kind: "a search that ends below its beginning",
    edits: inSearch("to: perSecond(800)", "to: perSecond(80)"),
    mistakes: [
      [
        'search.to = "80/s"',
        'the search ends at "80/s", which is not above "100/s", where it begins',
        "from the lowest load of interest to one that is certainly too high",
      ],
    ],
  },
  {
    kind: "a search that ends where it begins",
    edits: inSearch("to: perSecond(800)", "to: perMinute(6000)"),
    mistakes: [
      [
        'search.to = "6000/min"',
        'the search ends at "6000/min", which is not above "100/s", where it begins',
        "from the lowest load of interest to one that is certainly too high",
      ],
    ],
  },
  {
    kind: "a search that begins at nothing",
    edits: inSearch("from: perSecond(100)", "from: perSecond(0)"),
    mistakes: [['search.from = "0/s"', "0/s offers no load", "more than 0/s"]],
  },
  {
    kind: "a search without a goal",
    edits: inSearch("goal: { slo_attainment: { atLeast: 0.99 } }", "goal: {}"),
    mistakes: [
      [
        "search.goal = {}",
        "there is no goal, so every load would do",
        "{ slo_attainment: { atLeast: 0.99 } }",
      ],
    ],
  },
  {
    kind: "a search whose goal key is missing",
    edits: inSearch(", goal: { slo_attainment: { atLeast: 0.99 } }", ""),
    mistakes: [
      [
        "search.goal",
        "the key is missing; an object is due",
        "{ slo_attainment: { atLeast: 0.99 } }",
      ],
    ],
  },
  {
    kind: "a goal of an unknown metric",
    edits: inSearch("slo_attainment:", "slo_attainmet:"),
    mistakes: [
      [
        'search.goal.slo_attainmet = {"atLeast":0.99}',
        '"slo_attainmet" is no known metric',
        'write "slo_attainment"',
      ],
    ],
  },
  {
    kind: "a goal without a bound",
    edits: inSearch("atLeast: 0.99", ""),
    mistakes: [
      [
        "search.goal.slo_attainment = {}",
        "the goal has no bound",
        "slo_attainment: { atLeast: 0.99 }: one of atLeast and atMost",
      ],
    ],
  },
  {
    kind: "a goal with two bounds",
    edits: inSearch("atLeast: 0.99", "atLeast: 0.99, atMost: 1"),
    mistakes: [
      [
        'search.goal.slo_attainment = {"atLeast":0.99,"atMost":1}',
        "the goal has two bounds",
        "slo_attainment: { atLeast: 0.99 }: one of atLeast and atMost",
      ],
    ],
  },
  {
    kind: "a goal in percent",
    edits: inSearch("0.99", "99"),
    mistakes: [
      [
        "search.goal.slo_attainment.atLeast = 99",
        "99 is not a share from 0 to 1 (for slo_attainment)",
        "write 0.99",
      ],
    ],
  },
  {
    kind: "a goal in the wrong unit",
    edits: inSearch("slo_attainment: { atLeast: 0.99 }", "latency_p99: { atMost: 0.05 }"),
    mistakes: [
      [
        "search.goal.latency_p99.atMost = 0.05",
        "0.05 has no unit; a duration is due (for latency_p99)",
        "write ms(0.05) or seconds(0.05)",
      ],
    ],
  },
  {
    kind: "an unknown key of a goal",
    edits: inSearch("atLeast: 0.99", "atLest: 0.99"),
    mistakes: [
      ["search.goal.slo_attainment.atLest = 0.99", 'unknown key "atLest"', 'write "atLeast"'],
    ],
  },
  {
    kind: "a resolution of none",
    edits: inSearch("over:", "resolution: 0, over:"),
    mistakes: [
      [
        "search.resolution = 0",
        "0 is out of range",
        "step from a load to the next: a number from 0.001 to 1",
      ],
    ],
  },
  {
    kind: "a certain confidence",
    edits: inSearch("over:", "confidence: 1, over:"),
    mistakes: [
      ["search.confidence = 1", "1 is out of range", "confidence: a number from 0.5 to 0.9999"],
    ],
  },
  {
    kind: "too few repetitions for a search",
    edits: inSearch("over:", "repetitionsMax: 1, over:"),
    mistakes: [
      [
        "search.repetitionsMax = 1",
        "1 is less than 3",
        "runs of one load: a whole number from 3 to 100",
      ],
    ],
  },
  {
    kind: "a search with too many runs",
    edits: inSearch("over:", "resolution: 0.001, over:"),
    mistakes: [
      [
        "search = 24984 runs",
        "2 points × 2082 loads × 6 repetitions are too many runs to plan",
        "at most 10000: a larger search.resolution, a narrower search, or fewer points",
      ],
    ],
  },
  {
    kind: "repetitions beside a search",
    edits: inSearch("search:", "repetitions: 2, search:"),
    mistakes: [
      [
        "repetitions = 2",
        "a search repeats each load as often as it has to",
        "remove it; search.repetitionsMax is the most",
      ],
    ],
  },
  {
    kind: "a search over a swept key",
    edits: [
      ...inSearch(
        '"workload.rate", from: perSecond(100), to: perSecond(800)',
        '"system.models.resnet50_v2", from: 1, to: 8',
      ),
      ["sweep: {", 'sweep: { "system.models.resnet50_v2": [1, 2], '],
    ],
    mistakes: [
      [
        'sweep["system.models.resnet50_v2"] = [1,2]',
        '"system.models.resnet50_v2" is searched, too',
        "remove it here, or search over another key",
      ],
    ],
  },
];
