/** Kinds of broken workload: processes, shapes, states and mixes, and every mistake that must be named. */
import type { BrokenFile } from "./broken-experiments.ts";

/** A broken file whose workload offers this instead of a Poisson load; its duration stays. */
const withWorkload = (
  kind: string,
  load: string,
  mistakes: BrokenFile["mistakes"],
): BrokenFile => ({ kind, edits: [['arrivals: "poisson", rate: perSecond(100)', load]], mistakes });

const shaped = (shape: string): string =>
  `arrivals: "poisson", rate: perSecond(100), shape: { ${shape} }`;
const parts = (list: string): string => `arrivals: "mix", parts: { ${list} }`;
const PART = 'arrivals: "poisson", rate: perSecond(5)';

export const BROKEN_WORKLOADS: readonly BrokenFile[] = [
  withWorkload("a variation with Poisson", 'arrivals: "poisson", rate: perSecond(100), cv: 0', [
    [
      "workload.cv = 0",
      '"cv" belongs to arrivals "gamma" and "weibull", not to "poisson"',
      'remove it, or set workload.arrivals to "gamma" or "weibull"',
    ],
  ]),
  withWorkload("Gamma without variation", 'arrivals: "gamma", rate: perSecond(100)', [
    [
      "workload.cv",
      "the key is missing",
      "coefficient of variation of the gaps: a number from 0.01 to 20",
    ],
  ]),
  withWorkload("a variation of zero", 'arrivals: "gamma", rate: perSecond(100), cv: 0', [
    ["workload.cv = 0", "gaps without variation are constant", 'arrivals: "constant", without cv'],
  ]),
  withWorkload("a variation beyond all", 'arrivals: "weibull", rate: perSecond(100), cv: 50', [
    [
      "workload.cv = 50",
      "50 is out of range",
      "coefficient of variation of the gaps: a number from 0.01 to 20",
    ],
  ]),
  withWorkload("a negative variation", 'arrivals: "weibull", rate: perSecond(100), cv: -1', [
    [
      "workload.cv = -1",
      "-1 is out of range",
      "coefficient of variation of the gaps: a number from 0.01 to 20",
    ],
  ]),
  withWorkload("a variation as a text", 'arrivals: "weibull", rate: perSecond(100), cv: "2"', [
    [
      'workload.cv = "2"',
      "a text is given where a number is due",
      "coefficient of variation of the gaps: a number from 0.01 to 20",
    ],
  ]),
  withWorkload("a negative rate", 'arrivals: "gamma", cv: 2, rate: perSecond(-1)', [
    ['workload.rate = "-1/s"', "-1/s offers no load", "more than 0/s"],
  ]),
  withWorkload("a rate that is no number", 'arrivals: "gamma", cv: 2, rate: perSecond(NaN)', [
    [
      'workload.rate = "NaN/s"',
      '"NaN/s" is not a finite quantity; a rate is due',
      "write perSecond(1000)",
    ],
  ]),
  withWorkload(
    "a sample of no functions",
    'arrivals: "azure-functions-2019", trace: "day.csv", sampleFunctions: 0',
    [
      [
        "workload.sampleFunctions = 0",
        "0 is out of range",
        "functions: a share above 0 and below 1, or a whole number of them",
      ],
    ],
  ),
  withWorkload("no users", 'arrivals: "poisson", rate: perSecond(100), users: 0', [
    ["workload.users = 0", "0 is less than 1", "users: a whole number from 1 to 1000000"],
  ]),
  withWorkload("a shape that is no object", 'arrivals: "poisson", rate: perSecond(1), shape: 5', [
    [
      "workload.shape = 5",
      "an object is due",
      "an object with keys of: kind, to, start, over, steps, peak, every, length, first, amplitude, period, phase",
    ],
  ]),
  withWorkload("a shape without kind", shaped("to: perSecond(5)"), [
    [
      "workload.shape.kind",
      "the key is missing",
      'shape: one of "ramp", "steps", "bursts", "sine"',
    ],
  ]),
  withWorkload("an unknown shape", shaped('kind: "rampe", to: perSecond(5)'), [
    [
      'workload.shape.kind = "rampe"',
      '"rampe" is no known shape',
      'write "ramp"; shape: one of "ramp", "steps", "bursts", "sine"',
    ],
  ]),
  withWorkload("a ramp without length", shaped('kind: "ramp", to: perSecond(5)'), [
    ["workload.shape.over", "the key is missing; a duration is due", "write ms(25) or seconds(2)"],
  ]),
  withWorkload(
    "a ramp with a sine's key",
    shaped('kind: "ramp", to: perSecond(5), over: seconds(1), period: seconds(1)'),
    [
      [
        'workload.shape.period = "1s"',
        '"period" belongs to kind "sine", not to "ramp"',
        'remove it, or set workload.shape.kind to "sine"',
      ],
    ],
  ),
  withWorkload(
    "a ramp with a mistyped key",
    shaped('kind: "ramp", to: perSecond(5), over: seconds(1), starts: seconds(1)'),
    [['workload.shape.starts = "1s"', 'unknown key "starts"', 'write "start"']],
  ),
  withWorkload(
    "a ramp to a negative rate",
    shaped('kind: "ramp", to: perSecond(-5), over: seconds(1)'),
    [['workload.shape.to = "-5/s"', "-5/s is negative", "at least 0/s"]],
  ),
  withWorkload("no steps", shaped('kind: "steps", steps: []'), [
    ["workload.shape.steps = []", "the list is empty", "at least one { at: …, rate: … }"],
  ]),
  withWorkload(
    "steps that are no list",
    shaped('kind: "steps", steps: { at: seconds(1), rate: perSecond(2) }'),
    [
      [
        'workload.shape.steps = {"at":"1s","rate":"2/s"}',
        "a list is due",
        "[{ at: seconds(5), rate: perSecond(200) }]",
      ],
    ],
  ),
  withWorkload(
    "steps out of order",
    shaped(
      'kind: "steps", steps: [{ at: seconds(2), rate: perSecond(1) }, { at: seconds(1), rate: perSecond(2) }]',
    ),
    [
      [
        'workload.shape.steps[1].at = "1s"',
        "step [1] is not after step [0]",
        "steps in rising order, each instant once",
      ],
    ],
  ),
  withWorkload(
    "a step with a mistyped key and no unit",
    shaped('kind: "steps", steps: [{ att: seconds(2), rate: 5 }]'),
    [
      [
        "workload.shape.steps[0].at",
        "the key is missing; a duration is due",
        "write ms(25) or seconds(2)",
      ],
      ["workload.shape.steps[0].rate = 5", "5 has no unit; a rate is due", "write perSecond(5)"],
      ['workload.shape.steps[0].att = "2s"', 'unknown key "att"', 'write "at"'],
    ],
  ),
  withWorkload(
    "bursts that never end",
    shaped('kind: "bursts", peak: perSecond(5), every: seconds(1), length: seconds(1)'),
    [
      [
        'workload.shape.length = "1s"',
        "a burst lasts as long as the time between two bursts, or longer",
        "a length that is less than every",
      ],
    ],
  ),
  withWorkload(
    "a sine that swings below zero",
    shaped('kind: "sine", amplitude: 1.5, period: seconds(1), phase: -0.25'),
    [
      [
        "workload.shape.amplitude = 1.5",
        "1.5 is out of range",
        "swing as a share of the rate: a number above 0 to 1",
      ],
      [
        "workload.shape.phase = -0.25",
        "-0.25 is out of range",
        "part of a period: a number from 0 to 1",
      ],
    ],
  ),
  withWorkload("no states", 'arrivals: "markov-modulated"', [
    [
      "workload.states",
      "the key is missing; a list is due",
      "[{ rate: perSecond(100), mean: seconds(5) }, { rate: perSecond(500), mean: ms(500) }]",
    ],
  ]),
  withWorkload("an empty list of states", 'arrivals: "markov-modulated", states: []', [
    [
      "workload.states = []",
      "no state is given",
      'at least two { rate: …, mean: … }; for one rate, arrivals "poisson"',
    ],
  ]),
  withWorkload(
    "one state",
    'arrivals: "markov-modulated", states: [{ rate: perSecond(1), mean: seconds(1) }]',
    [
      [
        'workload.states = [{"rate":"1/s","mean":"1s"}]',
        "only one state is given",
        'at least two { rate: …, mean: … }; for one rate, arrivals "poisson"',
      ],
    ],
  ),
  withWorkload(
    "states without any load",
    'arrivals: "markov-modulated", states: [{ rate: perSecond(0), mean: seconds(1) }, { rate: perSecond(0), mean: seconds(2) }]',
    [
      [
        'workload.states = [{"rate":"0/s","mean":"1s"},{"rate":"0/s","mean":"2s"}]',
        "no state offers any load",
        "one rate above 0/s",
      ],
    ],
  ),
  withWorkload(
    "a state without its time, and one with a rate besides",
    'arrivals: "markov-modulated", rate: perSecond(1), states: [{ rate: perSecond(1) }, { rate: perSecond(0), mean: seconds(2) }]',
    [
      [
        "workload.states[0].mean",
        "the key is missing; a duration is due",
        "write ms(25) or seconds(2)",
      ],
      [
        'workload.rate = "1/s"',
        '"rate" belongs to arrivals "poisson", "constant", "gamma" and "weibull", not to "markov-modulated"',
        'remove it, or set workload.arrivals to "poisson", "constant", "gamma" or "weibull"',
      ],
    ],
  ),
  withWorkload(
    "a state that is over at once",
    'arrivals: "markov-modulated", states: [{ rate: perSecond(1), mean: seconds(1) }, { rate: perSecond(2), mean: ms(0.001) }]',
    [
      [
        'workload.states[1].mean = "0.001ms"',
        "a state ends before anything could be sent in it",
        "at least 100us",
      ],
    ],
  ),
  withWorkload("a mix without parts", 'arrivals: "mix"', [
    [
      "workload.parts",
      "the key is missing; an object is due",
      '{ interactive: { arrivals: "poisson", rate: perSecond(100) } }',
    ],
  ]),
  withWorkload("a mix of nothing", parts(""), [
    [
      "workload.parts = {}",
      "no part is given",
      'at least one, such as { interactive: { arrivals: "poisson", rate: … } }',
    ],
  ]),
  withWorkload("a part with a bad name", parts(`"a b": { ${PART} }`), [
    [
      'workload.parts.a b = {"arrivals":"poisson","rate":"5/s"}',
      '"a b" is no class name',
      "letters and digits, with _ and - between them",
    ],
  ]),
  withWorkload("a part without arrivals", parts("a: { rate: perSecond(5) }"), [
    [
      "workload.parts.a.arrivals",
      "the key is missing",
      'arrival process of a part: one of "poisson", "constant", "gamma", "weibull", "markov-modulated", "closed-loop"',
    ],
  ]),
  withWorkload("a part that is a mix", parts('a: { arrivals: "mix", parts: {} }'), [
    [
      'workload.parts.a.arrivals = "mix"',
      '"mix" cannot be a part of a mix, only a workload of its own',
      'one of "poisson", "constant", "gamma", "weibull", "markov-modulated", "closed-loop"',
    ],
  ]),
  withWorkload("a part that is a trace", parts('a: { arrivals: "trace", trace: "day.csv" }'), [
    [
      'workload.parts.a.arrivals = "trace"',
      '"trace" cannot be a part of a mix, only a workload of its own',
      'one of "poisson", "constant", "gamma", "weibull", "markov-modulated", "closed-loop"',
    ],
  ]),
  withWorkload("a part with a mistyped process", parts('a: { arrivals: "poison" }'), [
    [
      'workload.parts.a.arrivals = "poison"',
      '"poison" is no known arrival process of a part',
      'write "poisson"',
    ],
  ]),
  withWorkload("a part with a key of another process", parts(`a: { ${PART}, cv: 2 }`), [
    [
      "workload.parts.a.cv = 2",
      '"cv" belongs to arrivals "gamma" and "weibull", not to "poisson"',
      'remove it, or set workload.parts.a.arrivals to "gamma" or "weibull"',
    ],
  ]),
  withWorkload("a part with times of its own", parts(`a: { ${PART}, duration: seconds(1) }`), [
    [
      'workload.parts.a.duration = "1s"',
      'unknown key "duration"',
      "it belongs to workload.duration: write it there",
    ],
  ]),
  withWorkload("a part with a mistyped key", parts(`a: { ${PART}, model: ["resnet50_v2"] }`), [
    ['workload.parts.a.model = ["resnet50_v2"]', 'unknown key "model"', 'write "models"'],
  ]),
  withWorkload(
    "a part with a broken shape",
    parts(`a: { ${PART}, shape: { kind: "ramp", to: 5, over: seconds(1), peak: perSecond(1) } }`),
    [
      ["workload.parts.a.shape.to = 5", "5 has no unit; a rate is due", "write perSecond(5)"],
      [
        'workload.parts.a.shape.peak = "1/s"',
        '"peak" belongs to kind "bursts", not to "ramp"',
        'remove it, or set workload.parts.a.shape.kind to "bursts"',
      ],
    ],
  ),
  withWorkload(
    "a part for a model that the system lacks",
    parts(`a: { ${PART}, models: ["resnet50_v2", "resnet5_v2"] }`),
    [
      [
        'workload.parts.a.models[1] = "resnet5_v2"',
        'system.models has no "resnet5_v2"',
        'write "resnet50_v2"',
      ],
    ],
  ),
  withWorkload(
    "a part with a model twice, and one with none",
    parts(`a: { ${PART}, models: ["resnet50_v2", "resnet50_v2"] }, b: { ${PART}, models: [] }`),
    [
      [
        'workload.parts.a.models[1] = "resnet50_v2"',
        '"resnet50_v2" is listed twice',
        "every model once",
      ],
      [
        "workload.parts.b.models = []",
        "the list is empty",
        "at least one model, or leave the key out for all of them",
      ],
    ],
  ),
  withWorkload("models as a text", parts(`a: { ${PART}, models: "resnet50_v2" }`), [
    [
      'workload.parts.a.models = "resnet50_v2"',
      "a list is due",
      '["resnet50_v2"], or leave it out for all models',
    ],
  ]),
  withWorkload("a trace without its format", 'arrivals: "trace", trace: "day.csv"', [
    [
      "workload.format",
      "the key is missing",
      'trace format: one of "azure-functions-2021", "azure-llm-2023", "burstgpt", "mooncake", "csv", "parquet"',
    ],
  ]),
  withWorkload(
    "a CSV trace without its column",
    'arrivals: "trace", trace: "day.csv", format: "csv"',
    [
      [
        "workload.column",
        "the key is missing",
        "the name of the column of instants, as the first line has it",
      ],
    ],
  ),
  withWorkload(
    "a column of a published format",
    'arrivals: "trace", trace: "day.csv", format: "burstgpt", column: "t", unit: "ms"',
    [
      [
        'workload.column = "t"',
        'the format "burstgpt" says itself where its instants are',
        'remove it, or set workload.format to "csv"',
      ],
      [
        'workload.unit = "ms"',
        'the format "burstgpt" says itself where its instants are',
        'remove it, or set workload.format to "csv"',
      ],
    ],
  ),
  withWorkload(
    "a sample of functions of a format without functions",
    'arrivals: "trace", trace: "day.csv", format: "burstgpt", sampleFunctions: 10',
    [
      [
        "workload.sampleFunctions = 10",
        'the format "burstgpt" does not name functions',
        "remove it, and thin the trace with workload.loadFactor",
      ],
    ],
  ),
  withWorkload(
    "more requests than a trace has",
    'arrivals: "trace", trace: "day.csv", format: "mooncake", loadFactor: 2',
    [
      [
        "workload.loadFactor = 2",
        "2 is out of range",
        "share of the requests that are kept: a number above 0 to 1",
      ],
    ],
  ),
  {
    kind: "a swept key of a part without parts",
    edits: [
      ['sweep: { "system.slo"', 'sweep: { "workload.parts.a.rate": [perSecond(1)], "system.slo"'],
    ],
    mistakes: [
      [
        'sweep["workload.parts.a.rate"] = ["1/s"]',
        '"parts" belongs to arrivals "mix", not to "poisson"',
        'remove the path, or set workload.arrivals to "mix"',
      ],
    ],
  },
  {
    kind: "a swept key of a shape that is not there",
    edits: [
      ['sweep: { "system.slo"', 'sweep: { "workload.shape.to": [perSecond(1)], "system.slo"'],
    ],
    mistakes: [
      [
        "workload.shape.kind",
        'the key is missing (at the sweep\'s point workload.shape.to = "1/s", system.slo = "25ms")',
        'shape: one of "ramp", "steps", "bursts", "sine"',
      ],
    ],
  },
  {
    kind: "a swept group of a shape",
    edits: [['sweep: { "system.slo"', 'sweep: { "workload.shape": ["ramp"], "system.slo"']],
    mistakes: [
      [
        'sweep["workload.shape"] = ["ramp"]',
        "workload.shape is a group of keys, not one value",
        "sweep one of its keys: workload.shape.kind",
      ],
    ],
  },
  {
    kind: "a swept key of a part that the mix lacks",
    edits: [
      ['arrivals: "poisson", rate: perSecond(100)', parts(`web: { ${PART} }`)],
      ['sweep: { "system.slo"', 'sweep: { "workload.parts.wob.rate": [perSecond(1)], "system.slo"'],
    ],
    mistakes: [
      ['sweep["workload.parts.wob.rate"] = ["1/s"]', 'the mix has no part "wob"', 'write "web"'],
    ],
  },
  {
    kind: "a swept key that no part has",
    edits: [
      ['arrivals: "poisson", rate: perSecond(100)', parts(`a: { ${PART} }`)],
      ['sweep: { "system.slo"', 'sweep: { "workload.parts.a.rat": [perSecond(1)], "system.slo"'],
    ],
    mistakes: [
      [
        'sweep["workload.parts.a.rat"] = ["1/s"]',
        'no key has the path "workload.parts.a.rat"',
        'write "workload.parts.a.rate"',
      ],
    ],
  },
  {
    kind: "a swept value that a part cannot have",
    edits: [
      ['arrivals: "poisson", rate: perSecond(100)', parts(`a: { ${PART} }`)],
      [
        'sweep: { "system.slo"',
        'sweep: { "workload.parts.a.rate": [perSecond(1), 5], "system.slo"',
      ],
    ],
    mistakes: [
      [
        'sweep["workload.parts.a.rate"][1] = 5',
        "5 has no unit; a rate is due",
        "write perSecond(5)",
      ],
    ],
  },
];
