/** Loading of experiment files: every kind of mistake in words, files that cannot be imported, paths, and use from outside. */
import { describe, expect, test } from "bun:test";
import { UserError } from "#cli/exit-codes.ts";
import { importExperiment } from "#cli/import-experiment.ts";
import { specBytes } from "../support/compiled-model.ts";
import { ExperimentFolder, ROOT } from "../support/experiment-folder.ts";
import { BROKEN, VALID } from "./broken-experiments.ts";
import { BROKEN_SEARCHES, VALID_SEARCH } from "./broken-searches.ts";
import { BROKEN_WORKLOADS } from "./broken-workloads.ts";

const ALL_BROKEN = [...BROKEN, ...BROKEN_SEARCHES, ...BROKEN_WORKLOADS];

const TRACE = "HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,30,60\n";

/** The blocks of a refusal: what is where, what is wrong, what would be right. */
const blocksOf = (message: string): readonly (readonly string[])[] =>
  message
    .split("\n\n")
    .slice(1)
    .map((block) => block.split("\n").map((line) => line.trim().replace(/^→ /, "")));

const edited = (edits: readonly (readonly [string, string])[]): string =>
  edits.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the valid file has no ${from}`);
    return text.replace(from, () => to);
  }, VALID);

describe("a broken experiment file is refused with all its mistakes", () => {
  test("the file that every case changes is valid", async () => {
    using folder = new ExperimentFolder();
    const loaded = await folder.load(await folder.write("valid.ts", VALID));
    // Two SLOs, two repetitions.
    expect(loaded.plan.runs).toHaveLength(4);
  });

  test("so is the search that its cases change", async () => {
    using folder = new ExperimentFolder();
    const text = edited([["repetitions: 2,", VALID_SEARCH]]);
    const { plan } = await folder.load(await folder.write("valid.ts", text));
    // Two SLOs; 100/s to 800/s in 43 steps of 5 %; at most 6 runs of each load.
    expect(plan.runs).toHaveLength(2 * 44 * 6);
  });

  test("the tables have more than 120 kinds, all different", () => {
    expect(ALL_BROKEN.length).toBeGreaterThan(120);
    expect(new Set(ALL_BROKEN.map(({ kind }) => kind)).size).toBe(ALL_BROKEN.length);
  });

  for (const { kind, edits, mistakes } of ALL_BROKEN) {
    test(kind, async () => {
      using folder = new ExperimentFolder();
      await folder.write("day.csv", TRACE);
      const { message, exitCode } = await folder.refusal(
        await folder.write("broken.ts", edited(edits)),
      );
      expect(exitCode).toBe(2);
      const count = `${mistakes.length} mistake${mistakes.length === 1 ? "" : "s"}`;
      expect(message).toStartWith(`broken.ts: ${count}, nothing was started\n`);
      expect(blocksOf(message)).toEqual(mistakes.map((mistake) => [...mistake]));
    });
  }
});

describe("a file that cannot be imported is refused without a stack", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "a syntax error",
      "export default {\n  a: 1,,\n};\n",
      ["trial.ts cannot be read", "trial.ts:2:8:"],
    ],
    [
      "an unknown module",
      'import x from "./gone.ts";\nexport default x;\n',
      ["Cannot find module './gone.ts'"],
    ],
    [
      "a name that the language lacks",
      'import { millis } from "escapement";\nexport default millis(1);\n',
      ["Export named 'millis' not found"],
    ],
    [
      "a near name that the language lacks",
      'import { experimen } from "escapement";\nexport default experimen({});\n',
      ["did you mean experiment?"],
    ],
    [
      "an exception",
      'const f = () => {\n  throw new TypeError("no such day");\n};\nf();\nexport default 1;\n',
      ["trial.ts failed while it was loaded", "trial.ts:2:", "TypeError: no such day"],
    ],
    ["a thrown text", 'throw "stop";\nexport default 1;\n', ['"stop"']],
    ["no default export", 'export const name = "x";\n', ["trial.ts has no default export"]],
    [
      "a default export that was not declared",
      'export default { name: "x" };\n',
      ['the default export ({"name":"x"}) was not made by experiment()', "import { experiment }"],
    ],
    [
      "a copy of a declared experiment",
      'import { experiment } from "escapement";\nexport default { ...experiment({}) };\n',
      ["was not made by experiment()"],
    ],
  ];
  for (const [kind, source, parts] of cases) {
    test(kind, async () => {
      using folder = new ExperimentFolder();
      const { message, exitCode } = await folder.refusal(await folder.write("trial.ts", source));
      expect(exitCode).toBe(2);
      for (const part of parts) expect(message).toContain(part);
      expect(message).not.toContain("    at ");
      expect(message).not.toContain("src/cli");
    });
  }

  test("a file that waits for ever", async () => {
    using folder = new ExperimentFolder();
    const source = "await new Promise(() => {});\nexport default 1;\n";
    const path = await folder.write("trial.ts", source);
    const failure: unknown = await importExperiment(path, folder.path, 20).catch((error) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(String(failure)).toContain("still loading after 0.02 s");
  });

  test("every syntax error is listed", async () => {
    using folder = new ExperimentFolder();
    const source = "export default {\n  a: 1,,\n};\nconst const x;\n";
    const { message } = await folder.refusal(await folder.write("trial.ts", source));
    expect(message.match(/trial\.ts:\d+:\d+: /g)?.length).toBeGreaterThan(1);
  });
});

describe("a file is looked up as given, then among the shipped experiments", () => {
  test("with or without .ts, relative to the user's folder", async () => {
    using folder = new ExperimentFolder();
    const path = await folder.write("mine.ts", VALID);
    for (const name of ["mine.ts", "mine", "./mine.ts", path]) {
      expect((await folder.load(name)).path).toBe(path);
    }
  });

  test("a shipped experiment by its name", async () => {
    using folder = new ExperimentFolder();
    for (const name of ["saturation", "saturation.ts"]) {
      expect((await folder.load(name)).path).toBe(`${ROOT}/experiments/saturation.ts`);
    }
  });

  test("the user's own file goes before a shipped one", async () => {
    using folder = new ExperimentFolder();
    const path = await folder.write("saturation.ts", VALID);
    expect((await folder.load("saturation")).path).toBe(path);
  });

  test("a missing file names every place and the near names", async () => {
    using folder = new ExperimentFolder();
    await folder.write("slo-swoop.ts", VALID);
    const { message, exitCode } = await folder.refusal("slo-swep");
    expect(exitCode).toBe(2);
    expect(message).toContain("  slo-swep.ts\n");
    expect(message).toContain(`  ${ROOT}/experiments/slo-swep.ts\n`);
    expect(message).toEndWith(`Did you mean slo-swoop.ts or ${ROOT}/experiments/slo-sweep.ts?`);
  });

  test("a missing file without near names lists what there is", async () => {
    using folder = new ExperimentFolder();
    const { message } = await folder.refusal("zzzzzzzzzzzz");
    expect(message).toMatch(/there: .*saturation\.ts/);
  });
});

describe("an experiment outside the repository", () => {
  test("imports the language by the package's name, without a node_modules folder", async () => {
    using folder = new ExperimentFolder();
    const { plan, source, sha256 } = await folder.load(await folder.write("mine.ts", VALID));
    expect(plan.name).toBe("trial");
    expect(source).toBe(VALID);
    expect(sha256).toBe(new Bun.CryptoHasher("sha256").update(VALID).digest("hex"));
  });

  test("imports a shipped experiment by its path and changes it", async () => {
    using folder = new ExperimentFolder();
    const source = `import { experiment, ms } from "escapement";
import base from "${ROOT}/experiments/slo-sweep.ts";
export default experiment({ ...base, name: "mine", sweep: { "system.slo": [ms(10), ms(500)] } });
`;
    const { plan } = await folder.load(await folder.write("mine.ts", source));
    expect(plan.name).toBe("mine");
    expect(plan.runs.map(({ system }) => system.sloNs / 1e6)).toEqual([10, 500]);
    expect(plan.runs[0]?.system.profiles).toBe(`${ROOT}/experiments/profiles/v100-table1.csv`);
  });

  test("brings its own profile set, beside the file", async () => {
    using folder = new ExperimentFolder();
    const profiles = await folder.write(
      "profiles/lab.csv",
      "model,input_bytes,output_bytes,weights_bytes,weights_load_ns,exec_b1_ns\nnet,1,1,1,1,1\n",
    );
    const source = VALID.replace("v100-table1", "lab").replace("resnet50_v2", "net");
    const { plan, inputs } = await folder.load(await folder.write("mine.ts", source));
    expect(plan.runs[0]?.system.profiles).toBe(profiles);
    expect(inputs).toEqual([{ role: "profiles", path: profiles }]);
  });
});

describe("folders of models", () => {
  const MIB = 2 ** 20;
  const addModel = async (folder: ExperimentFolder, name: string, pageSize = 16 * MIB) => {
    const model = `${folder.path}/zoo/${name}/model`;
    await Bun.write(`${model}.1.clockwork`, specBytes({ pageSize }));
    await Bun.write(`${model}.measurements`, "weights = 1000L;\nb1 = 100L;\n");
    await Bun.write(`${model}.1.so`, "a library");
    return [`${model}.1.clockwork`, `${model}.measurements`];
  };
  const source = (...models: readonly string[]) =>
    VALID.replace('"v100-table1"', '"./zoo"').replace(
      /models: \{[^}]*\}/,
      `models: { ${models.map((model) => `${model}: 1`).join(", ")} }`,
    );

  test("take the place of a table; of the models that are asked for every file counts as input", async () => {
    using folder = new ExperimentFolder();
    const net = await addModel(folder, "net");
    await addModel(folder, "other");
    const file = await folder.write("mine.ts", source("net"));
    const { plan, inputs } = await folder.load(file);
    const system = { profiles: `${folder.path}/zoo`, profilesAreFolders: true };
    expect(plan.runs[0]?.system).toMatchObject(system);
    expect(inputs).toEqual(net.map((path) => ({ role: "profiles", path })));
  });

  test("a model that is not there, or cannot be loaded, is a mistake of the experiment", async () => {
    using folder = new ExperimentFolder();
    await addModel(folder, "net");
    await folder.write("zoo/half/model.1.so", "");
    await folder.write("zoo/half/model.1.clockwork", "");
    const file = await folder.write("mine.ts", source("nett", "half"));
    const { message, exitCode } = await folder.refusal(file);
    expect(exitCode).toBe(2);
    expect(blocksOf(message)).toEqual([
      ["system.models.nett = 1", 'the folder zoo has no model "nett"', 'write "net"'],
      [
        "system.models.half = 1",
        `No measurements file for ${folder.path}/zoo/half/model`,
        "models there: net",
      ],
    ]);
  });

  test("models with pages of another size than the workers' are refused before anything starts", async () => {
    using folder = new ExperimentFolder();
    await addModel(folder, "net", 2 * MIB);
    const file = await folder.write("mine.ts", source("net"));
    const { message, exitCode } = await folder.refusal(file);
    expect(exitCode).toBe(2);
    expect(blocksOf(message)).toEqual([
      [
        "system.pageSize = 16777216 B",
        "net was compiled for pages of 2097152 B",
        '"2097152B", for models that all have pages of this size',
      ],
    ]);
    await folder.load(file, { set: ["system.pageSize=2097152B"] });
  });
});

const REPLAY = edited([
  [
    'arrivals: "poisson", rate: perSecond(100), duration: seconds(5)',
    'arrivals: "azure-functions-2019", trace: "traces/day.csv", duration: seconds(60)',
  ],
]);

describe("files that an experiment names", () => {
  test("a trace is looked up from the experiment file, then from the user's folder", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("deep/mine.ts", REPLAY);
    const fromCwd = await folder.write("traces/day.csv", TRACE);
    expect((await folder.load(file)).inputs).toContainEqual({ role: "trace", path: fromCwd });
    const beside = await folder.write("deep/traces/day.csv", TRACE);
    const { inputs, plan } = await folder.load(file);
    expect(inputs).toContainEqual({ role: "trace", path: beside });
    expect(plan.runs[0]?.workload).toMatchObject({ trace: beside });
  });

  test("a trace set on the command line is looked up from the user's folder first", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("deep/mine.ts", REPLAY);
    await folder.write("deep/traces/day.csv", TRACE);
    const fromCwd = await folder.write("traces/day.csv", TRACE);
    const { inputs } = await folder.load(file, { set: ["workload.trace=traces/day.csv"] });
    expect(inputs).toContainEqual({ role: "trace", path: fromCwd });
  });

  test("a missing trace is bad input and names the places and a near name", async () => {
    using folder = new ExperimentFolder();
    await folder.write("traces/days.csv", TRACE);
    const { message, exitCode } = await folder.refusal(await folder.write("mine.ts", REPLAY));
    expect(exitCode).toBe(5);
    expect(blocksOf(message)).toEqual([
      [
        'workload.trace = "traces/day.csv"',
        `no such file; looked for traces/day.csv, ${ROOT}/traces/day.csv, ${ROOT}/experiments/traces/day.csv`,
        'is "days" meant?',
      ],
    ]);
  });

  test("a missing profile set names the near one", async () => {
    using folder = new ExperimentFolder();
    const source = VALID.replace("v100-table1", "v100-table2");
    const { message, exitCode } = await folder.refusal(await folder.write("mine.ts", source));
    expect(exitCode).toBe(5);
    expect(message).toContain('system.profiles = "v100-table2"');
    expect(message).toEndWith('→ is "v100-table1" meant?');
  });

  test("a malformed trace is bad input, by line and column", async () => {
    using folder = new ExperimentFolder();
    const trace = await folder.write("traces/day.csv", TRACE.replace("30", "-3"));
    const { message, exitCode } = await folder.refusal(await folder.write("mine.ts", REPLAY));
    expect(exitCode).toBe(5);
    expect(message).toContain(`${trace}:2, column 1: the count is negative ("-3")`);
  });

  test("a malformed profile set is bad input, by line", async () => {
    using folder = new ExperimentFolder();
    const profiles = await folder.write("lab.csv", "model,exec_b1_ns\nnet,1\n");
    const source = VALID.replace("v100-table1", "lab.csv");
    const { message, exitCode } = await folder.refusal(await folder.write("mine.ts", source));
    expect(exitCode).toBe(5);
    expect(message).toContain(`${profiles}: line 1: the header lacks input_bytes`);
  });

  test("mistakes in the file and missing inputs are listed together, as usage", async () => {
    using folder = new ExperimentFolder();
    const source = REPLAY.replace("seed: 7", "seed: 0.5").replace("resnet50_v2", "resnet50");
    const { message, exitCode } = await folder.refusal(await folder.write("mine.ts", source));
    expect(exitCode).toBe(2);
    expect(blocksOf(message).map(([where]) => where)).toEqual([
      "seed = 0.5",
      "system.models.resnet50 = 4",
      'workload.trace = "traces/day.csv"',
    ]);
  });
});

describe("changes on the command line", () => {
  test("are in the spec and the plan, and are listed", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("mine.ts", VALID);
    const set = ["workload.duration=30s", "system.models.resnet50_v2=8"];
    const loaded = await folder.load(file, { set, seed: "41" });
    expect(loaded.overrides).toEqual([
      { path: "workload.duration", value: "30s" },
      { path: "system.models.resnet50_v2", value: "8" },
      { path: "seed", value: "41" },
    ]);
    expect(loaded.written.seed).toBe(7);
    expect(loaded.spec.seed).toBe(41);
    expect(loaded.plan.runs.map(({ seed }) => seed)).toEqual([41, 41, 42, 42]);
    expect(loaded.plan.runs[0]?.workload.durationNs).toBe(30e9 as never);
    expect(loaded.plan.runs[0]?.system.models).toEqual([{ model: "resnet50_v2", instances: 8 }]);
  });

  test("are judged with the file, named and mended as they were typed", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("mine.ts", VALID.replace("seed: 7", "seed: 0.5"));
    const set = ["workload.duration=30", "system.slo=25ms,x", "workload.rat=9/s", "oops"];
    const { message, exitCode } = await folder.refusal(file, { set });
    expect(exitCode).toBe(2);
    expect(blocksOf(message)).toEqual([
      ["--set workload.rat = 9/s", 'no key has the path "workload.rat"', 'write "workload.rate"'],
      ["--set oops", "a path, an equals sign and a value are due", "--set workload.duration=30s"],
      [
        "seed = 0.5",
        "0.5 is not a whole number",
        "seed: a whole number from 0 to 4503599627370496",
      ],
      [
        '--set workload.duration = "30"',
        '"30" has no unit; a duration is due',
        "write 30ms or 30s",
      ],
      [
        '--set system.slo = "x"',
        '"x" does not begin with a number; a duration is due',
        "write 25ms or 2s",
      ],
    ]);
  });

  test("a seed that is no number is refused", async () => {
    using folder = new ExperimentFolder();
    const file = await folder.write("mine.ts", VALID);
    const { message } = await folder.refusal(file, { seed: "x" });
    expect(message).toContain('--set seed = "x"');
  });
});
