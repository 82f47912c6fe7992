/** Kinds of broken experiment file: how each differs from a valid one, and every mistake that must be named. */

/** A valid experiment file, which every case changes. */
export const VALID = `import { experiment, mebibytes, ms, perMinute, perSecond, seconds } from "escapement";

export default experiment({
  name: "trial",
  seed: 7,
  system: {
    scheduler: "INFER5",
    slo: ms(50),
    profiles: "v100-table1",
    models: { resnet50_v2: 4 },
  },
  workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) },
  sweep: { "system.slo": [ms(25), ms(50)] },
  repetitions: 2,
  checks: { fast: { metric: "latency_p99", atMost: ms(40), when: { "system.slo": ms(50) } } },
  report: { headline: { metric: "goodput", against: "system.slo" } },
});
`;

/** One broken file. */
export interface BrokenFile {
  readonly kind: string;
  /** Replacements in the text of the valid file. */
  readonly edits: readonly (readonly [string, string])[];
  /** Where and which value, what is wrong, what would be right; all of them, in order. */
  readonly mistakes: readonly (readonly [string, string, string])[];
}

const BODY = VALID.slice(VALID.indexOf("  system"), VALID.indexOf("  workload"));

export const BROKEN: readonly BrokenFile[] = [
  {
    kind: "an unknown key at the root with a near one",
    edits: [["seed: 7", "sed: 7"]],
    mistakes: [["sed = 7", 'unknown key "sed"', 'write "seed"']],
  },
  {
    kind: "an unknown key with none near",
    edits: [["seed: 7", "gadgets: 7"]],
    mistakes: [
      [
        "gadgets = 7",
        'unknown key "gadgets"',
        "known here: name, title, question, seed, system, workload, sweep, search, repetitions, checks, report, limits, stop",
      ],
    ],
  },
  {
    kind: "a key of system at the root",
    edits: [["seed: 7", "workers: 2"]],
    mistakes: [
      ["workers = 2", 'unknown key "workers"', "it belongs to system.workers: write it there"],
    ],
  },
  {
    kind: "an unknown key of system",
    edits: [["slo: ms(50)", "slo: ms(50), gpusPerWorkers: 2"]],
    mistakes: [
      ["system.gpusPerWorkers = 2", 'unknown key "gpusPerWorkers"', 'write "gpusPerWorker"'],
    ],
  },
  {
    kind: "a key in another spelling",
    edits: [["slo: ms(50)", "slo: ms(50), schedule_ahead: ms(5)"]],
    mistakes: [
      ['system.schedule_ahead = "5ms"', 'unknown key "schedule_ahead"', 'write "scheduleAhead"'],
    ],
  },
  {
    kind: "an unknown key of limits",
    edits: [["repetitions: 2", "repetitions: 2, limits: { drains: seconds(3) }"]],
    mistakes: [['limits.drains = "3s"', 'unknown key "drains"', 'write "drain"']],
  },
  {
    kind: "an unknown key of a check",
    edits: [["atMost: ms(40)", "atMots: ms(40)"]],
    mistakes: [['checks.fast.atMots = "40ms"', 'unknown key "atMots"', 'write "atMost"']],
  },
  {
    kind: "an unknown key of report",
    edits: [["report: { headline", "report: { headlines"]],
    mistakes: [
      [
        'report.headlines = {"metric":"goodput","against":"system.slo"}',
        'unknown key "headlines"',
        'write "headline"',
      ],
    ],
  },
  {
    kind: "a key of another arrival process",
    edits: [["rate: perSecond(100)", "rate: perSecond(100), concurrency: 4"]],
    mistakes: [
      [
        "workload.concurrency = 4",
        '"concurrency" belongs to arrivals "closed-loop", not to "poisson"',
        'remove it, or set workload.arrivals to "closed-loop"',
      ],
    ],
  },
  {
    kind: "a number where a duration is due",
    edits: [["slo: ms(50)", "slo: 25"]],
    mistakes: [
      ["system.slo = 25", "25 has no unit; a duration is due", "write ms(25) or seconds(25)"],
    ],
  },
  {
    kind: "a text without unit",
    edits: [["slo: ms(50)", 'slo: "25"']],
    mistakes: [
      ['system.slo = "25"', '"25" has no unit; a duration is due', "write ms(25) or seconds(25)"],
    ],
  },
  {
    kind: "a rate where a duration is due",
    edits: [["slo: ms(50)", "slo: perSecond(100)"]],
    mistakes: [
      ['system.slo = "100/s"', "100/s is a rate; a duration is due", "write ms(25) or seconds(2)"],
    ],
  },
  {
    kind: "a duration where a rate is due",
    edits: [["rate: perSecond(100)", "rate: ms(10)"]],
    mistakes: [
      ['workload.rate = "10ms"', "10ms is a duration; a rate is due", "write perSecond(1000)"],
    ],
  },
  {
    kind: "a number where a rate is due",
    edits: [["rate: perSecond(100)", "rate: 100"]],
    mistakes: [["workload.rate = 100", "100 has no unit; a rate is due", "write perSecond(100)"]],
  },
  {
    kind: "a duration where a size is due",
    edits: [["slo: ms(50)", "slo: ms(50), weightsCache: ms(5)"]],
    mistakes: [
      ['system.weightsCache = "5ms"', "5ms is a duration; a size is due", "write mebibytes(16)"],
    ],
  },
  {
    kind: "an unknown unit",
    edits: [["slo: ms(50)", 'slo: "25 fortnights"']],
    mistakes: [
      [
        'system.slo = "25 fortnights"',
        '"fortnights" is no unit of a duration; a duration is due',
        "units: us, ms, s, min; write ms(25) or seconds(2)",
      ],
    ],
  },
  {
    kind: "a quantity without a number",
    edits: [["slo: ms(50)", 'slo: "soon"']],
    mistakes: [
      [
        'system.slo = "soon"',
        '"soon" does not begin with a number; a duration is due',
        "write ms(25) or seconds(2)",
      ],
    ],
  },
  {
    kind: "a quantity that is no number",
    edits: [["slo: ms(50)", "slo: ms(Number.NaN)"]],
    mistakes: [
      [
        'system.slo = "NaNms"',
        '"NaNms" is not a finite quantity; a duration is due',
        "write ms(25) or seconds(2)",
      ],
    ],
  },
  {
    kind: "a fraction of a nanosecond",
    edits: [["slo: ms(50)", "slo: ms(0.0000001)"]],
    mistakes: [
      [
        'system.slo = "1e-7ms"',
        '"1e-7ms" is not a whole number of nanoseconds, or beyond what is exact (104 days)',
        "write ms(25) or seconds(2)",
      ],
    ],
  },
  {
    kind: "a negative warm-up",
    edits: [["duration: seconds(5)", "duration: seconds(5), warmUp: seconds(-1)"]],
    mistakes: [['workload.warmUp = "-1s"', "-1s is negative", "at least 0 s"]],
  },
  {
    kind: "a duration of zero",
    edits: [["duration: seconds(5)", "duration: seconds(0)"]],
    mistakes: [['workload.duration = "0s"', "0s is no time at all", "more than 0 s"]],
  },
  {
    kind: "a duration beyond exact time",
    edits: [["duration: seconds(5)", "duration: seconds(3e6)"]],
    mistakes: [
      [
        'workload.duration = "3000000s"',
        "3000000s is longer than 30 days",
        "at most 30 days (720h)",
      ],
    ],
  },
  {
    kind: "a rate of zero",
    edits: [["rate: perSecond(100)", "rate: perSecond(0)"]],
    mistakes: [['workload.rate = "0/s"', "0/s offers no load", "more than 0/s"]],
  },
  {
    kind: "a seed that is no whole number",
    edits: [["seed: 7", "seed: 1.5"]],
    mistakes: [
      [
        "seed = 1.5",
        "1.5 is not a whole number",
        "seed: a whole number from 0 to 4503599627370496",
      ],
    ],
  },
  {
    kind: "a seed as text",
    edits: [["seed: 7", 'seed: "7"']],
    mistakes: [
      [
        'seed = "7"',
        "a text is given where a number is due",
        "seed: a whole number from 0 to 4503599627370496",
      ],
    ],
  },
  {
    kind: "a negative seed",
    edits: [["seed: 7", "seed: -1"]],
    mistakes: [
      ["seed = -1", "-1 is less than 0", "seed: a whole number from 0 to 4503599627370496"],
    ],
  },
  {
    kind: "no repetitions",
    edits: [["repetitions: 2", "repetitions: 0"]],
    mistakes: [
      ["repetitions = 0", "0 is less than 1", "repetitions: a whole number from 1 to 10000"],
    ],
  },
  {
    kind: "no workers",
    edits: [["slo: ms(50)", "slo: ms(50), workers: 0"]],
    mistakes: [
      ["system.workers = 0", "0 is less than 1", "worker processes: a whole number from 1 to 1000"],
    ],
  },
  {
    kind: "a fractional batch size",
    edits: [["slo: ms(50)", "slo: ms(50), maxBatch: 2.5"]],
    mistakes: [
      [
        "system.maxBatch = 2.5",
        "2.5 is not a whole number",
        "largest batch size: a whole number from 1 to 1024",
      ],
    ],
  },
  {
    kind: "a text where true or false is due",
    edits: [["slo: ms(50)", 'slo: ms(50), generateInputs: "yes"']],
    mistakes: [['system.generateInputs = "yes"', "neither true nor false", "write true or false"]],
  },
  {
    kind: "no models",
    edits: [["models: { resnet50_v2: 4 }", "models: {}"]],
    mistakes: [
      ["system.models = {}", "no model is named", "at least one, such as { resnet50_v2: 4 }"],
    ],
  },
  {
    kind: "models as a list",
    edits: [["models: { resnet50_v2: 4 }", 'models: ["resnet50_v2"]']],
    mistakes: [
      [
        'system.models = ["resnet50_v2"]',
        "an object is due",
        "{ resnet50_v2: 4 }: model name to number of instances",
      ],
    ],
  },
  {
    kind: "a fraction of an instance",
    edits: [["resnet50_v2: 4", "resnet50_v2: 1.5"]],
    mistakes: [
      [
        "system.models.resnet50_v2 = 1.5",
        "1.5 is not a whole number",
        "instances: a whole number from 1 to 100000",
      ],
    ],
  },
  {
    kind: "a model name that is a path",
    edits: [["resnet50_v2: 4", '"../resnet50_v2": 4']],
    mistakes: [
      [
        "system.models.../resnet50_v2 = 4",
        '"../resnet50_v2" is no model name',
        "letters, digits, and _ . + - after the first",
      ],
    ],
  },
  {
    kind: "a model that the profile set lacks",
    edits: [["resnet50_v2: 4", "resnet50v2: 4"]],
    mistakes: [
      [
        "system.models.resnet50v2 = 4",
        'the profile set v100-table1 has no model "resnet50v2"',
        'write "resnet50_v2"',
      ],
    ],
  },
  {
    kind: "an unknown scheduler",
    edits: [['"INFER5"', '"INFER"']],
    mistakes: [
      [
        'system.scheduler = "INFER"',
        '"INFER" is no known scheduler',
        'write "INFER4"; scheduler: one of "INFER4", "INFER5"',
      ],
    ],
  },
  {
    kind: "an unknown telemetry dialect",
    edits: [["slo: ms(50)", 'slo: ms(50), telemetryDialect: "orignal"']],
    mistakes: [
      [
        'system.telemetryDialect = "orignal"',
        '"orignal" is no known telemetry dialect',
        'write "original"; telemetry dialect: one of "documented", "original"',
      ],
    ],
  },
  {
    kind: "a name with spaces and capitals",
    edits: [['"trial"', '"My Trial"']],
    mistakes: [
      [
        'name = "My Trial"',
        "the text has the wrong form",
        'a name in kebab-case, such as "slo-sweep"; at most 64 characters',
      ],
    ],
  },
  {
    kind: "a name that is too long",
    edits: [['"trial"', '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"']],
    mistakes: [
      [
        'name = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
        "65 characters are too many",
        'a name in kebab-case, such as "slo-sweep"; at most 64 characters',
      ],
    ],
  },
  {
    kind: "an empty name",
    edits: [['"trial"', '""']],
    mistakes: [
      [
        'name = ""',
        "the text is empty",
        'a name in kebab-case, such as "slo-sweep"; at most 64 characters',
      ],
    ],
  },
  {
    kind: "no name",
    edits: [['name: "trial",', ""]],
    mistakes: [
      [
        "name",
        "the key is missing",
        'a name in kebab-case, such as "slo-sweep"; at most 64 characters',
      ],
    ],
  },
  {
    kind: "no system",
    edits: [[BODY, "  limits: {},\n"]],
    mistakes: [
      [
        "system",
        "the key is missing; an object is due",
        "an object with keys of: scheduler, slo, scheduleAhead, maxExec, maxBatch, maxGpus, generateInputs, workers, gpusPerWorker, weightsCache, pageSize, profiles, telemetryDialect, noise, models",
      ],
    ],
  },
  {
    kind: "no SLO",
    edits: [["slo: ms(50),", ""]],
    mistakes: [
      ["system.slo", "the key is missing; a duration is due", "write ms(25) or seconds(2)"],
    ],
  },
  {
    kind: "no workload",
    edits: [['workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) },', ""]],
    mistakes: [
      [
        "workload",
        "the key is missing; an object is due",
        "an object with keys of: arrivals, warmUp, duration, coolDown, inputs, generators, rate, shape, users, cv, states, concurrency, thinkTime, trace, startMinute, loadFactor, timeCompression, placement, sampleFunctions, format, column, unit, start, parts",
      ],
    ],
  },
  {
    kind: "no arrival process",
    edits: [['arrivals: "poisson", ', ""]],
    mistakes: [
      [
        "workload.arrivals",
        "the key is missing",
        'arrival process: one of "poisson", "constant", "gamma", "weibull", "markov-modulated", "closed-loop", "azure-functions-2019", "trace", "servegen", "recorded", "mix"',
      ],
    ],
  },
  {
    kind: "an unknown arrival process",
    edits: [['"poisson"', '"poison"']],
    mistakes: [
      ['workload.arrivals = "poison"', '"poison" is no known arrival process', 'write "poisson"'],
    ],
  },
  {
    kind: "an open loop without rate",
    edits: [["rate: perSecond(100), ", ""]],
    mistakes: [["workload.rate", "the key is missing; a rate is due", "write perSecond(1000)"]],
  },
  {
    kind: "a closed loop without concurrency",
    edits: [['arrivals: "poisson", rate: perSecond(100)', 'arrivals: "closed-loop"']],
    mistakes: [
      [
        "workload.concurrency",
        "the key is missing",
        "outstanding requests per model instance: a whole number from 1 to 100000",
      ],
    ],
  },
  {
    kind: "a fractional start minute",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: "day.csv", duration: seconds(5), startMinute: 1.5 }',
      ],
    ],
    mistakes: [
      [
        "workload.startMinute = 1.5",
        "1.5 is not a whole number",
        "a minute as the trace's header names it: a whole number from 0 to 1000000",
      ],
    ],
  },
  {
    kind: "a time compression of zero",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: "day.csv", duration: seconds(5), timeCompression: 0 }',
      ],
    ],
    mistakes: [
      [
        "workload.timeCompression = 0",
        "0 is out of range",
        "trace time per experiment time: a number above 0, at most 1e6",
      ],
    ],
  },
  {
    kind: "a function as a value",
    edits: [["slo: ms(50)", "slo: () => ms(50)"]],
    mistakes: [
      [
        "system.slo = a function",
        "a function is no plain data",
        "plain values only: texts, numbers, booleans, lists and objects of them",
      ],
    ],
  },
  {
    kind: "a Date as a value",
    edits: [["seed: 7", "seed: 7, title: new Date(0)"]],
    mistakes: [
      [
        "title = a Date",
        "an object of a class is no plain data",
        "plain values only: texts, numbers, booleans, lists and objects of them",
      ],
    ],
  },
  {
    kind: "an undefined value",
    edits: [["seed: 7", "seed: undefined"]],
    mistakes: [["seed", "the value is undefined", "give it a value, or leave the key out"]],
  },
  {
    kind: "a value that is no number",
    edits: [["repetitions: 2", "repetitions: Number.NaN"]],
    mistakes: [
      [
        "repetitions = NaN",
        "NaN is not a number",
        "plain values only: texts, numbers, booleans, lists and objects of them",
      ],
    ],
  },
  {
    kind: "null as a value",
    edits: [["slo: ms(50)", "slo: null"]],
    mistakes: [["system.slo = null", "a duration is due", "write ms(25) or seconds(2)"]],
  },
  {
    kind: "a value that holds itself",
    edits: [
      [
        "export default experiment({",
        "const models = { resnet50_v2: 4 }; Object.assign(models, { models });\nexport default experiment({",
      ],
      ["models: { resnet50_v2: 4 }", "models"],
    ],
    mistakes: [
      [
        "system.models.models = (itself)",
        "the value holds itself",
        "plain values only: texts, numbers, booleans, lists and objects of them",
      ],
    ],
  },
  {
    kind: "a sweep of an unknown path",
    edits: [
      ['sweep: { "system.slo": [ms(25), ms(50)] }', 'sweep: { "system.slow": [ms(25), ms(50)] }'],
      [', when: { "system.slo": ms(50) }', ""],
      ['  report: { headline: { metric: "goodput", against: "system.slo" } },\n', ""],
    ],
    mistakes: [
      [
        'sweep["system.slow"] = ["25ms","50ms"]',
        'no key has the path "system.slow"',
        'write "system.slo"',
      ],
    ],
  },
  {
    kind: "a sweep of a key without its part",
    edits: [
      ['sweep: { "system.slo": [ms(25), ms(50)] }', "sweep: { slo: [ms(25)] }"],
      [', when: { "system.slo": ms(50) }', ""],
      ['  report: { headline: { metric: "goodput", against: "system.slo" } },\n', ""],
    ],
    mistakes: [['sweep["slo"] = ["25ms"]', 'no key has the path "slo"', 'write "system.slo"']],
  },
  {
    kind: "a sweep of the seed",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], seed: [1, 2] }',
      ],
    ],
    mistakes: [
      ['sweep["seed"] = [1,2]', "seed cannot be swept", "use repetitions: each has the next seed"],
    ],
  },
  {
    kind: "a sweep of a group of keys",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "system.models": [1] }',
      ],
    ],
    mistakes: [
      [
        'sweep["system.models"] = [1]',
        "system.models is a group of keys, not one value",
        "sweep the instances of one model: system.models.resnet50_v2",
      ],
    ],
  },
  {
    kind: "an empty sweep list",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "system.maxBatch": [] }',
      ],
    ],
    mistakes: [
      [
        'sweep["system.maxBatch"] = []',
        "the list is empty, so there is nothing to run",
        "at least one value, or remove the path",
      ],
    ],
  },
  {
    kind: "the same sweep value twice, spelled differently",
    edits: [["[ms(25), ms(50)]", "[ms(50), seconds(0.05)]"]],
    mistakes: [
      [
        'sweep["system.slo"][1] = "0.05s"',
        'the same value as entry [0] ("50ms")',
        "every value once; for more runs of it use repetitions",
      ],
    ],
  },
  {
    kind: "a sweep that is no list",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "system.maxBatch": 4 }',
      ],
    ],
    mistakes: [
      [
        'sweep["system.maxBatch"] = 4',
        "a list is due",
        "a list of values, such as [ms(25), ms(50)]",
      ],
    ],
  },
  {
    kind: "a sweep value that makes the point invalid",
    edits: [["[ms(25), ms(50)]", "[ms(50), 75]"]],
    mistakes: [
      [
        'sweep["system.slo"][1] = 75',
        "75 has no unit; a duration is due",
        "write ms(75) or seconds(75)",
      ],
    ],
  },
  {
    kind: "a sweep of a key of another arrival process",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "workload.concurrency": [1, 2] }',
      ],
    ],
    mistakes: [
      [
        'sweep["workload.concurrency"] = [1,2]',
        '"concurrency" belongs to arrivals "closed-loop", not to "poisson"',
        'remove the path, or set workload.arrivals to "closed-loop"',
      ],
    ],
  },
  {
    kind: "an object as a sweep value",
    edits: [["[ms(25), ms(50)]", "[ms(50), { ms: 25 }]"]],
    mistakes: [
      [
        'sweep["system.slo"][1] = {"ms":25}',
        "a quantity, number, text or boolean is due",
        "one value, as the key itself would take it",
      ],
    ],
  },
  {
    kind: "a grid that is too large",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "system.maxBatch": Array.from({ length: 100 }, (_, i) => i + 1), "system.workers": Array.from({ length: 100 }, (_, i) => i + 1) }',
      ],
    ],
    mistakes: [
      [
        "sweep = 20000 runs",
        "the sweep's grid times 2 repetitions makes too many runs",
        "at most 10000 runs: fewer values, paths or repetitions",
      ],
    ],
  },
  {
    kind: "swept arrivals that the other keys do not fit",
    edits: [
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "workload.arrivals": ["poisson", "closed-loop"] }',
      ],
    ],
    mistakes: [
      [
        "workload.concurrency",
        'the key is missing (at the sweep\'s point system.slo = "50ms", workload.arrivals = "closed-loop")',
        "outstanding requests per model instance: a whole number from 1 to 100000",
      ],
      [
        'workload.rate = "100/s"',
        '"rate" belongs to arrivals "poisson", "constant", "gamma" and "weibull", not to "closed-loop" (at the sweep\'s point system.slo = "50ms", workload.arrivals = "closed-loop")',
        'remove it, or set workload.arrivals to "poisson", "constant", "gamma" or "weibull"',
      ],
    ],
  },
  {
    kind: "a page larger than the cache",
    edits: [["slo: ms(50)", "slo: ms(50), pageSize: mebibytes(64), weightsCache: mebibytes(32)"]],
    mistakes: [
      [
        "system.pageSize = 67108864 B",
        "a page is larger than the whole weights cache (33554432 B)",
        "a page size that fits the cache many times, such as mebibytes(16)",
      ],
    ],
  },
  {
    kind: "a swept page larger than the cache",
    edits: [
      ["slo: ms(50)", "slo: ms(50), weightsCache: mebibytes(32)"],
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "system.pageSize": [mebibytes(16), mebibytes(64)] }',
      ],
    ],
    mistakes: [
      [
        'sweep["system.pageSize"][1] = 67108864 B',
        "a page is larger than the whole weights cache (33554432 B)",
        "a page size that fits the cache many times, such as mebibytes(16)",
      ],
    ],
  },
  {
    kind: "an unknown metric in a check",
    edits: [['"latency_p99"', '"latency_p98"']],
    mistakes: [
      [
        'checks.fast.metric = "latency_p98"',
        '"latency_p98" is no known metric',
        'write "latency_p99"',
      ],
    ],
  },
  {
    kind: "a check without bound",
    edits: [["atMost: ms(40), ", ""]],
    mistakes: [
      [
        'checks.fast = {"metric":"latency_p99","when":{"system.slo":"50ms"}}',
        "the check has no bound, so it claims nothing",
        "add atLeast or atMost",
      ],
    ],
  },
  {
    kind: "a bound without unit",
    edits: [["atMost: ms(40)", "atMost: 40"]],
    mistakes: [
      [
        "checks.fast.atMost = 40",
        "40 has no unit; a duration is due (for latency_p99)",
        "write ms(40) or seconds(40)",
      ],
    ],
  },
  {
    kind: "a bound in another metric's unit",
    edits: [['"latency_p99"', '"goodput"']],
    mistakes: [
      [
        'checks.fast.atMost = "40ms"',
        "40ms is a duration; a rate is due (for goodput)",
        "write perSecond(1000)",
      ],
    ],
  },
  {
    kind: "a share in percent",
    edits: [['metric: "latency_p99", atMost: ms(40)', 'metric: "slo_attainment", atLeast: 95']],
    mistakes: [
      [
        "checks.fast.atLeast = 95",
        "95 is not a share from 0 to 1 (for slo_attainment)",
        "write 0.95",
      ],
    ],
  },
  {
    kind: "bounds that cross",
    edits: [["atMost: ms(40)", "atLeast: ms(60), atMost: ms(40)"]],
    mistakes: [
      [
        'checks.fast = {"metric":"latency_p99","atLeast":"60ms","atMost":"40ms","when":{"system.slo":"…',
        'atLeast "60ms" is above atMost "40ms": no value passes',
        "atLeast at or below atMost",
      ],
    ],
  },
  {
    kind: "a check about an unswept path",
    edits: [['when: { "system.slo": ms(50) }', 'when: { "system.slos": ms(50) }']],
    mistakes: [
      [
        'checks.fast.when.system.slos = "50ms"',
        '"system.slos" is not swept',
        'write "system.slo"; swept paths: system.slo',
      ],
    ],
  },
  {
    kind: "a check about a value that is not swept",
    edits: [['when: { "system.slo": ms(50) }', 'when: { "system.slo": ms(51) }']],
    mistakes: [
      [
        'checks.fast.when.system.slo = "51ms"',
        "the sweep has no such value",
        'one of "25ms", "50ms"',
      ],
    ],
  },
  {
    kind: "a check whose name has other characters",
    edits: [["checks: { fast:", 'checks: { "p99 < 40 ms":']],
    mistakes: [
      [
        'checks.p99 < 40 ms = "p99 < 40 ms"',
        "not a name for a check",
        "letters, digits, spaces, - and _; at most 80 characters",
      ],
    ],
  },
  {
    kind: "a headline against an unswept path",
    edits: [['against: "system.slo"', 'against: "workload.rate"']],
    mistakes: [
      [
        'report.headline.against = "workload.rate"',
        '"workload.rate" is not swept, so nothing can be drawn against it',
        "swept paths: system.slo",
      ],
    ],
  },
  {
    kind: "an unknown metric in the headline",
    edits: [['metric: "goodput", against', 'metric: "good", against']],
    mistakes: [
      [
        'report.headline.metric = "good"',
        '"good" is no known metric',
        'metric: one of "offered_load", "throughput", "goodput", "slo_attainment", "latency_p50", "latency_p99", "latency_p999", "latency_max", "service_time_p99", "cold_start_share", "batch_size_mean", "gpu_utilisation", "send_lateness_p99", "dropped_share", "failed_share"',
      ],
    ],
  },
  {
    kind: "no load generator",
    edits: [["duration: seconds(5)", "duration: seconds(5), generators: 0"]],
    mistakes: [
      [
        "workload.generators = 0",
        "0 is less than 1",
        "load generator processes: a whole number from 1 to 64",
      ],
    ],
  },
  {
    kind: "half a load generator",
    edits: [["duration: seconds(5)", "duration: seconds(5), generators: 1.5"]],
    mistakes: [
      [
        "workload.generators = 1.5",
        "1.5 is not a whole number",
        "load generator processes: a whole number from 1 to 64",
      ],
    ],
  },
  {
    kind: "a noise with an unknown key, and values out of range",
    edits: [
      [
        "models: {",
        "noise: { jiterCv: 0.1, throttleRate: perSecond(2000), throttleFactor: 0.5, slowTransferShare: 2, stallLength: seconds(4000) }, models: {",
      ],
    ],
    mistakes: [
      ['system.noise.throttleRate = "2000/s"', "2000/s is too much", "at most 1000/s"],
      [
        "system.noise.throttleFactor = 0.5",
        "0.5 is out of range",
        "how many times as long executions take: a number from 1 to 1000",
      ],
      [
        "system.noise.slowTransferShare = 2",
        "2 is out of range",
        "part of the weights loads that are slow: a number from 0 to 1",
      ],
      ['system.noise.stallLength = "4000s"', "4000s is too much", "at most 1h"],
      ["system.noise.jiterCv = 0.1", 'unknown key "jiterCv"', 'write "jitterCv"'],
    ],
  },
  {
    kind: "a noise that is no object, and a sweep of all of it",
    edits: [
      ["models: {", "noise: 0.05, models: {"],
      ['sweep: { "system.slo"', 'sweep: { "system.noise": [1], "system.slo"'],
    ],
    mistakes: [
      [
        "system.noise = 0.05",
        "an object is due",
        "an object with keys of: jitterCv, throttleRate, throttleLength, throttleFactor, slowTransferShare, slowTransferFactor, stallRate, stallLength",
      ],
      [
        'sweep["system.noise"] = [1]',
        "system.noise is a group of keys, not one value",
        "sweep one of its keys: system.noise.jitterCv",
      ],
    ],
  },
  {
    kind: "a stop without a rule",
    edits: [["repetitions: 2", "repetitions: 2, stop: {}"]],
    mistakes: [
      [
        "stop = {}",
        "no rule is given",
        "one of errorBudget, goodput and outstanding, or leave the key out",
      ],
    ],
  },
  {
    kind: "an unknown rule of stop",
    edits: [
      ["repetitions: 2", "repetitions: 2, stop: { goodPut: { atLeast: 0.5, over: seconds(2) } }"],
    ],
    mistakes: [
      ['stop.goodPut = {"atLeast":0.5,"over":"2s"}', 'unknown key "goodPut"', 'write "goodput"'],
    ],
  },
  {
    kind: "an unknown key of a stop rule",
    edits: [
      [
        "repetitions: 2",
        "repetitions: 2, stop: { outstanding: { atMost: 9, over: seconds(2), ovr: 1 } }",
      ],
    ],
    mistakes: [["stop.outstanding.ovr = 1", 'unknown key "ovr"', 'write "over"']],
  },
  {
    kind: "a stop rule without its stretch, with a share in percent",
    edits: [["repetitions: 2", "repetitions: 2, stop: { errorBudget: { share: 50 } }"]],
    mistakes: [
      [
        "stop.errorBudget.share = 50",
        "50 is out of range",
        "share of the requests that ended: a number from 0 to 1",
      ],
      [
        "stop.errorBudget.over",
        "the key is missing; a duration is due",
        "write ms(25) or seconds(2)",
      ],
    ],
  },
  {
    kind: "a stop rule with a stretch below a second",
    edits: [
      ["repetitions: 2", "repetitions: 2, stop: { outstanding: { atMost: 9, over: ms(900) } }"],
    ],
    mistakes: [
      [
        'stop.outstanding.over = "900ms"',
        "load generators report once a second, so a rule cannot look at less",
        "at least 1s",
      ],
    ],
  },
  {
    kind: "a stop rule that never sees a stretch",
    edits: [
      ["repetitions: 2", "repetitions: 2, stop: { goodput: { atLeast: 0.9, over: seconds(5) } }"],
    ],
    mistakes: [
      [
        'stop.goodput.over = "5s"',
        "the measurement is over before the rule has seen so much: it lasts 5s",
        "less than workload.duration, or leave the rule out",
      ],
    ],
  },
  {
    kind: "a stop that is one value",
    edits: [["repetitions: 2", "repetitions: 2, stop: 0.5"]],
    mistakes: [
      ["stop = 0.5", "an object is due", "{ errorBudget: { share: 0.5, over: seconds(5) } }"],
    ],
  },
  {
    kind: "a limit of zero",
    edits: [["repetitions: 2", "repetitions: 2, limits: { launch: seconds(0) }"]],
    mistakes: [['limits.launch = "0s"', "0s is no time at all", "more than 0 s"]],
  },
  {
    kind: "a text where system is due",
    edits: [[BODY, '  system: "INFER5",\n']],
    mistakes: [
      [
        'system = "INFER5"',
        "an object is due",
        "an object with keys of: scheduler, slo, scheduleAhead, maxExec, maxBatch, maxGpus, generateInputs, workers, gpusPerWorker, weightsCache, pageSize, profiles, telemetryDialect, noise, models",
      ],
    ],
  },
  {
    kind: "several mistakes in one file",
    edits: [
      ["seed: 7", "sed: 7"],
      ["slo: ms(50)", "slo: 25"],
      ['arrivals: "poisson"', 'arrivals: "poisson", think: ms(1)'],
      ["repetitions: 2", "repetitions: 0"],
      ['"latency_p99"', '"latency"'],
      ["ms(25), ms(50)]", "ms(50), ms(50)]"],
    ],
    mistakes: [
      ["system.slo = 25", "25 has no unit; a duration is due", "write ms(25) or seconds(25)"],
      [
        'workload.think = "1ms"',
        'unknown key "think"',
        "known here: arrivals, warmUp, duration, coolDown, inputs, generators, rate, shape, users",
      ],
      [
        'sweep["system.slo"][1] = "50ms"',
        'the same value as entry [0] ("50ms")',
        "every value once; for more runs of it use repetitions",
      ],
      ["repetitions = 0", "0 is less than 1", "repetitions: a whole number from 1 to 10000"],
      ['checks.fast.metric = "latency"', '"latency" is no known metric', 'write "latency_p50"'],
      ["sed = 7", 'unknown key "sed"', 'write "seed"'],
    ],
  },
  {
    kind: "unknown key of a workload",
    edits: [["rate: perSecond(100)", "rate: perSecond(100), warmup: seconds(1)"]],
    mistakes: [['workload.warmup = "1s"', 'unknown key "warmup"', 'write "warmUp"']],
  },
  {
    kind: "trace as a number",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: 4, duration: seconds(5) }',
      ],
    ],
    mistakes: [
      ["workload.trace = 4", "a text is due", "the path of a CSV file; at most 4096 characters"],
    ],
  },
  {
    kind: "start minute outside the trace",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: "day.csv", duration: seconds(5), startMinute: 9 }',
      ],
    ],
    mistakes: [
      ["workload.startMinute = 9", "the trace has minutes 1 to 2", "choose a minute from 1 to 2"],
    ],
  },
  {
    kind: "a run longer than the trace",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: "day.csv", duration: seconds(5), timeCompression: 60 }',
      ],
    ],
    mistakes: [
      [
        'workload.duration = "8s"',
        "warm-up, measurement and cool-down take 8 s and replay 8 traced minutes at compression 60, but the trace has minutes 1 to 2, 2 from the start minute on",
        "keep the three below 2 s together, start earlier, or lower workload.timeCompression",
      ],
    ],
  },
  {
    kind: "swept start minutes outside the trace",
    edits: [
      [
        'workload: { arrivals: "poisson", rate: perSecond(100), duration: seconds(5) }',
        'workload: { arrivals: "azure-functions-2019", trace: "day.csv", duration: seconds(5), startMinute: 1 }',
      ],
      [
        'sweep: { "system.slo": [ms(25), ms(50)] }',
        'sweep: { "system.slo": [ms(50)], "workload.startMinute": [1, 7] }',
      ],
    ],
    mistakes: [
      [
        'sweep["workload.startMinute"][1] = 7',
        "the trace has minutes 1 to 2",
        "choose a minute from 1 to 2",
      ],
    ],
  },
];
