/** Compiled models (worker.md §6) and folders of them (worker.md §3.2, §4.2): what is served, and what is refused how. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FolderCatalogue } from "#host/model-folders.ts";
import { parseModelSpec } from "#host/model-spec.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { loadModel, WorkerHarness } from "../serving/worker/worker-harness.ts";
import { specBytes } from "../support/compiled-model.ts";

describe("a compiled model", () => {
  test("is read to its last byte; inputs and outputs are summed", () => {
    expect(parseModelSpec(specBytes())).toEqual({
      ok: true,
      value: {
        weightsBytes: 25,
        inputBytes: 12,
        outputBytes: 12,
        pageSizeBytes: 10,
        weightsPages: 3,
      },
    });
  });

  test("is refused wherever it is cut off, and with anything behind it", () => {
    const whole = specBytes();
    for (let size = 0; size < whole.length; size++) {
      const cut = parseModelSpec(whole.subarray(0, size));
      expect(cut.ok ? "" : cut.error).toMatch(/^byte \d+: the file ends within /);
    }
    expect(parseModelSpec(Buffer.concat([whole, Buffer.from([0])]))).toEqual({
      ok: false,
      error: `byte ${whole.length}: 1 bytes follow the end of the model`,
    });
  });

  test("with any byte changed is read or refused with its place, quickly and without throwing", () => {
    const whole = specBytes();
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[at] = value;
        const parsed = parseModelSpec(changed);
        if (!parsed.ok) expect(parsed.error).toMatch(/^byte \d+: /);
      }
    }
  });

  test("is refused with another version and with absurd numbers", () => {
    const error = "byte 0: the model has version 2; known is 1";
    expect(parseModelSpec(specBytes({ version: 2 }))).toEqual({ ok: false, error });
    const absurd = specBytes();
    absurd.fill(0xff, 4, 12);
    const parsed = parseModelSpec(absurd);
    expect(parsed.ok ? "" : parsed.error).toBe("byte 4: weights_memory is 18446744073709552000");
  });
});

const zoo = mkdtempSync(join(tmpdir(), "zoo-"));
afterAll(() => rmSync(zoo, { recursive: true, force: true }));

const MEASURED = "weights = 1000L;\nb1 = 100L;\nb2 = 150L;\n";

interface Files {
  readonly sizes?: readonly number[];
  readonly measurements?: string | null;
  readonly spec?: Uint8Array;
}

/** A folder with a model of these batch sizes. Only the first one's specification is looked into. */
const addModel = (
  name: string,
  { sizes = [1, 2, 4], measurements = MEASURED, spec = specBytes() }: Files = {},
): string => {
  mkdirSync(join(zoo, name));
  const prefix = join(zoo, name, "model");
  for (const size of sizes) {
    writeFileSync(`${prefix}.${size}.so`, "");
    writeFileSync(`${prefix}.${size}.clockwork`, spec);
  }
  if (measurements !== null) writeFileSync(`${prefix}.measurements`, measurements);
  return prefix;
};

/** A clock that goes on by 5 ns whenever it is looked at. */
const ticking = (): (() => Nanos) => {
  let now = 0;
  return () => ns((now += 5));
};

const catalogue = () => new FolderCatalogue(zoo, ticking());

const load = (path: string, fields: Parameters<typeof loadModel>[1] = {}): WorkerHarness =>
  new WorkerHarness({ catalogue: catalogue(), pageSizeBytes: 10 }).act(
    10,
    loadModel(1, { path, copies: 2, ...fields }),
  );

describe("a model folder", () => {
  const good = addModel("good");

  test("is served as it says: sizes, batches, pages, durations, and how long reading took", () => {
    const result = load(good).resultOf(1, "load_model");
    expect(result).toMatchObject({
      inputBytes: 12,
      outputBytes: 12,
      // worker.md §5: "Missing bN → 0"; §3.2: "unknown measurement = 0 passes".
      batchSizes: [1, 2, 4],
      execNs: [ns(100), ns(150), ns(0)],
      // Three pages as the file lays them out, although 25 bytes fit into three as well; §4.2: pages × page size.
      weightsPages: 3,
      weightsBytes: 30,
      weightsLoadNs: ns(1_000),
      copies: 2,
      // §4.3: from the start to the end of parsing.
      timing: { begin: ns(10), end: ns(15), duration: ns(5) },
    });
  });

  test("is found by a path below the zoo, too", () => {
    expect(load("good/model").log).toEqual(["1:0@10"]);
  });

  test("keeps batches as asked: by size, and by time where that is known (worker.md §3.2)", () => {
    expect(load(good, { maxBatchSize: 2 }).resultOf(1, "load_model").batchSizes).toEqual([1, 2]);
    expect(load(good, { maxExecNs: ns(120) }).resultOf(1, "load_model").batchSizes).toEqual([1, 4]);
    expect(load(good, { maxBatchSize: 0 }).log).toEqual(["1:41@10"]);
  });

  test("takes the pages that it says, not those that its bytes would fill", () => {
    const sparse = addModel("sparse", { spec: specBytes({ pages: 5 }) });
    expect(load(sparse).resultOf(1, "load_model").weightsPages).toBe(5);
  });

  test("ends its batches at the first size that lacks a file (worker.md §3.2)", () => {
    const gap = addModel("gap", { sizes: [1, 4] });
    rmSync(join(zoo, "gap", "model.4.so"));
    expect(load(gap).resultOf(1, "load_model").batchSizes).toEqual([1]);
  });

  const refused: readonly [string, number, () => string, string][] = [
    [
      "no batch 1",
      41,
      () => addModel("b2", { sizes: [2] }),
      `No valid batch sizes found for ${zoo}/b2/model`,
    ],
    [
      "no folder",
      41,
      () => join(zoo, "none", "model"),
      `No valid batch sizes found for ${zoo}/none/model`,
    ],
    // worker.md §4.2: "missing .measurements → 10".
    [
      "no profile",
      10,
      () => addModel("unmeasured", { measurements: null }),
      `No measurements file for ${zoo}/unmeasured/model`,
    ],
    [
      "a profile that cannot be read",
      41,
      () => addModel("malformed", { measurements: "weights = 1L;\nb1 = fast;\n" }),
      `${zoo}/malformed/model.measurements: line 2: expected a value for b1, got fast`,
    ],
    [
      "a specification that is cut off",
      41,
      () => addModel("cut", { spec: specBytes().subarray(0, 10) }),
      `${zoo}/cut/model.1.clockwork: byte 4: the file ends within weights_memory`,
    ],
    // worker.md §3.2: "Worker page size must equal the model's configured page size", a death of the original.
    [
      "pages of another size",
      41,
      () => addModel("pages", { spec: specBytes({ pageSize: 20 }) }),
      "the model has pages of 20 bytes, this worker of 10",
    ],
    [
      "a path elsewhere",
      41,
      () => "/etc/passwd",
      `No valid batch sizes found for /etc/passwd: it is not below ${zoo}`,
    ],
    [
      "a path that climbs",
      41,
      () => "good/../../x/model",
      `No valid batch sizes found for good/../../x/model: it is not below ${zoo}`,
    ],
    ["no path", 41, () => "", `No valid batch sizes found for : it is not below ${zoo}`],
  ];
  for (const [name, status, path, message] of refused) {
    test(`${status}: ${name}`, () => {
      const error = load(path()).resultOf(1, "error");
      expect([error.status, error.message]).toEqual([status, message]);
    });
  }

  test("is listed with the others, and the broken ones with their reasons", () => {
    const other = mkdtempSync(join(tmpdir(), "zoo-list-"));
    mkdirSync(join(other, "empty"));
    writeFileSync(join(other, "README"), "not a model");
    symlinkSync(join(zoo, "good"), join(other, "linked"));
    const { models, problems } = new FolderCatalogue(other, ticking()).list();
    rmSync(other, { recursive: true });
    expect(models).toEqual(["linked"]);
    expect(problems).toEqual([`No valid batch sizes found for ${other}/empty/model`]);
  });
});

const vectors = join(
  process.env["ESCAPEMENT_SHARED"] ?? join(import.meta.dir, "../../../shared"),
  "vectors",
);
const isAbsent = !existsSync(vectors);
if (isAbsent) console.warn(`model-folders.test.ts: skipped recorded loads, no ${vectors}`);

type Fields = Readonly<Record<string, unknown>>;

/** The load of the first model in a recording: what the original's controller asked, and what its worker answered. */
const recordedLoad = (scenario: string): { readonly asked: Fields; readonly answered: Fields } => {
  const read = (direction: string): readonly { message: string; fields: Fields }[] =>
    readFileSync(join(vectors, scenario, `ctl-worker0.0.${direction}.frames.jsonl`), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { message: string; fields: Fields });
  const find = (direction: string, name: RegExp): Fields =>
    read(direction).find(({ message }) => name.test(message))?.fields ?? {};
  return {
    asked: find("up", /^LoadModelFromDiskAction/),
    answered: find("down", /^(LoadModelFromDiskResult|ErrorResult)/),
  };
};

describe.skipIf(isAbsent)("loads as recorded, from folders like those of the recording", () => {
  const root = mkdtempSync(join(tmpdir(), "cwtests-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** The folder that a recorded path names, below our root; the spec and the profile are those of the recording. */
  const ask = ({ asked }: ReturnType<typeof recordedLoad>, files: readonly string[]) => {
    const path = String(asked["model_path"]).replace("/srv/cwtests", root);
    mkdirSync(dirname(path), { recursive: true });
    const spec = specBytes({ pageSize: 2 ** 24, pages: 7, inputs: [602_112], outputs: [4000] });
    const profile =
      "weights=8310000L;b1=2730000L;b2=4050000L;b4=5880000L;b8=9930000L;b16=17330000L;";
    for (const name of files) {
      writeFileSync(`${path}.${name}`, name === "measurements" ? profile : spec);
    }
    const action = loadModel(1, {
      path,
      copies: Number(asked["no_of_copies"]),
      maxBatchSize: Number(asked["max_batch_size"]),
      maxExecNs: ns(Number(asked["max_exec_duration"])),
    });
    const pages = { pageSizeBytes: 2 ** 24, weightsCacheBytes: 2 ** 30 };
    const models = new FolderCatalogue(root, ticking());
    return new WorkerHarness({ catalogue: models, ...pages }).act(10, action);
  };
  const variants = [1, 2, 4, 8, 16].flatMap((size) => [`${size}.so`, `${size}.clockwork`]);

  test("a model that is whole", () => {
    const load = recordedLoad("raw_badmodel3");
    const result = ask(load, ["measurements", ...variants]).resultOf(1, "load_model");
    const { answered } = load;
    expect<Fields>({
      input_size: result.inputBytes,
      output_size: result.outputBytes,
      supported_batch_sizes: result.batchSizes,
      weights_size_in_cache: result.weightsBytes,
      num_weights_pages: result.weightsPages,
      weights_load_time_nanos: result.weightsLoadNs,
      batch_size_exec_times_nanos: result.execNs,
      copies_created: result.copies,
    }).toEqual(
      Object.fromEntries(
        Object.entries(answered).filter(
          ([name]) => !["action_id", "timing", "action_received", "result_sent"].includes(name),
        ),
      ),
    );
  });

  for (const [scenario, files] of [
    ["loaderr_nomeas", variants],
    ["loaderr_badpath", []],
  ] as const) {
    test(`${scenario}: the same status, and the same text but for where in its source the original was`, () => {
      const load = recordedLoad(scenario);
      const error = ask(load, files).resultOf(1, "error");
      expect(error.status).toBe(Number(load.answered["status"]));
      expect(String(load.answered["message"])).toEndWith(
        error.message.replace(root, "/srv/cwtests"),
      );
    });
  }
});
