/** The client's workloads as a command: against our controller and worker, and what is refused before anything is connected to. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startClock } from "#host/clock.ts";
import { STATUS } from "#serving/status.ts";
import { startEchoController } from "../support/echo-controller.ts";

const root = resolve(import.meta.dir, "../..");
const scratch = mkdtempSync(join(tmpdir(), "workloads-"));
const traceDir = join(scratch, "trace");
const zoo = join(scratch, "zoo");

const spawnRole = (role: string, args: readonly string[], env: Record<string, string> = {}) =>
  Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), "clockwork", role, ...args], {
    env: { ...process.env, CLOCKWORK_MODEL_DIR: "", AZURE_TRACE_DIR: "", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });

type Spawned = ReturnType<typeof spawnRole>;

/** Reads standard output until `pattern` matches; fails when the output ends before. */
const waitFor = async (child: Spawned, pattern: RegExp): Promise<RegExpExecArray> => {
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let seen = "";
  for (;;) {
    const match = pattern.exec(seen);
    if (match !== null) {
      reader.releaseLock();
      return match;
    }
    const { value, done } = await reader.read();
    if (done) throw new Error(`nothing matches ${pattern}: ${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
};

const MINUTES = Array.from({ length: 1440 }, (_, index) => index + 1);

beforeAll(() => {
  mkdirSync(traceDir);
  // The busiest function comes second; every minute has 6000 invocations of it, 100/s.
  const header = ["HashOwner", "HashApp", "HashFunction", "Trigger", ...MINUTES].join(",");
  const row = (name: string, count: number) =>
    ["o", "a", name, "http", ...MINUTES.map(() => count)].join(",");
  writeFileSync(
    join(traceDir, "invocations_per_function_md.anon.d01.csv"),
    `${header}\n${row("f1", 60)}\n${row("f2", 6000)}\n`,
  );
  for (const model of ["resnet50_v2", "resnet18_v2"]) {
    mkdirSync(join(zoo, model), { recursive: true });
    writeFileSync(join(zoo, model, "model.clockwork_params"), "");
  }
  mkdirSync(join(zoo, "notes"));
});

afterAll(() => rmSync(scratch, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly rows: readonly (readonly string[])[];
}

/** A worker, a controller and the client; all of them end with the client. */
const runSystem = async (
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> => {
  const logDir = mkdtempSync(join(scratch, "log-"));
  await using stack = new AsyncDisposableStack();
  const own = (child: Spawned): Spawned => {
    stack.defer(async () => {
      child.kill();
      await child.exited;
    });
    return child;
  };
  const worker = own(spawnRole("worker", ["-p", "0"]));
  const [, workerPort] = await waitFor(worker, /"port":(\d+)/);
  const options = ["--client-port", "0", "--load-stage-timeout", "200ms"];
  const address = `127.0.0.1:${workerPort}`;
  const logs = { CLOCKWORK_LOG_DIR: logDir };
  const controller = own(spawnRole("controller", ["INFER5", address, ...options], logs));
  const [, port] = await waitFor(controller, /"port":(\d+)/);
  const client = own(spawnRole("client", [`127.0.0.1:${port}`, ...args, "--log-dir", logDir], env));
  const [code, out, error] = await Promise.all([
    client.exited,
    new Response(client.stdout).text(),
    new Response(client.stderr).text(),
  ]);
  const rows = readFileSync(join(logDir, "client_log.tsv"), "utf8").trimEnd().split("\n").slice(1);
  return { code, out, error, rows: rows.map((row) => row.split("\t")) };
};

describe("against our controller and worker", () => {
  test("simple: two closed loops, answered one by one", async () => {
    const { code, out, rows, error } = await runSystem(["simple", "--duration", "1s"], {
      CLOCKWORK_DISABLE_INPUTS: "1",
    });
    expect([code, error]).toEqual([0, ""]);
    expect(out).toMatch(
      /^Running workload `simple` on 127\.0\.0\.1:\d+\nClient inputs are DISABLED\. {2}Set CLOCKWORK_DISABLE_INPUTS=0 to enable inputs\.\n/,
    );
    expect(out).toContain(
      "Connection established\nFound 64 models in the profile set v100-table1\n",
    );
    expect(out).toMatch(/Ended after \d+\.\d s: \d+ requests, \d+ ok/);
    expect(rows.length).toBeGreaterThan(20);
    expect(new Set(rows.map((row) => row[2]))).toEqual(new Set(["0", "1"]));
    expect(rows.every((row) => row[4] === "closed-loop" && row[7] !== "")).toBe(true);
  });

  test("poisson-open-loop, with inputs: the instants of its seeds", async () => {
    const { code, rows } = await runSystem(["poisson-open-loop", "2", "20", "--duration", "1s"]);
    expect(code).toBe(0);
    const scheduled = rows
      .filter((row) => row[2] === "0")
      .map((row) => BigInt(row[5] ?? 0))
      .toSorted((a, b) => Number(a - b));
    const gaps = scheduled.slice(1).map((at, index) => Number(at - (scheduled[index] ?? 0n)));
    // Seed 0 at 10/s.
    expect(gaps.slice(0, 4)).toEqual([222_203_122, 21_033_810, 50_751_176, 136_067_515]);
  });

  test("azure_single: a day from a folder", async () => {
    const { code, rows } = await runSystem(["azure_single", "--duration", "1s", "--no-inputs"], {
      AZURE_TRACE_DIR: traceDir,
    });
    expect(code).toBe(0);
    // 100/s; four standard deviations are 40.
    expect(Math.abs(rows.length - 100)).toBeLessThan(40);
    expect(rows.every((row) => row[4] === "trace")).toBe(true);
  });

  test("simple-parametric ends by itself", async () => {
    const { code, rows } = await runSystem([
      "simple-parametric",
      "3",
      "1",
      "2",
      "20",
      "--no-inputs",
    ]);
    expect(code).toBe(0);
    // Two at first, twenty more, and one that the other slot sends after the first found nothing left.
    expect([22, 23]).toContain(rows.length);
  });
});

describe("refused before anything is connected to", () => {
  const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
    const child = spawnRole("client", ["127.0.0.1:1", ...args], env);
    const [code, out, error] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect(out).toBe("");
    return { code, error };
  };

  test.each([
    ["no workload", [], 1, "a WORKLOAD is missing, or --plan and --run\nusage: clockwork client"],
    ["another workload", ["simpel"], 1, 'there is no workload "simpel"\nusage: clockwork client'],
    [
      "a missing argument",
      ["poisson-open-loop", "3"],
      1,
      "workload poisson-open-loop lacks its argument 2, rate: a number from 0.001 to 1000000\nusage: clockwork client HOST:PORT poisson-open-loop num_models rate\n",
    ],
    ["a trace without a folder", ["azure"], 1, "needs a trace: name its folder with --trace-dir"],
    [
      "a day that is not there",
      ["azure", "1", "1", "1", "1", "60", "2", "--trace-dir", traceDir],
      1,
      `there is neither invocations_per_function_md.svls.anon.d02.csv nor invocations_per_function_md.anon.d02.csv in ${traceDir}`,
    ],
    ["a zoo that is not there", ["simple", "--model-dir", "/nonexistent"], 5, "/nonexistent"],
    ["a zoo without models", ["simple", "--model-dir", traceDir], 5, "model.clockwork_params"],
    ["options of a planned run", ["simple", "--control"], 2, "a workload has no use for --control"],
    [
      "options of a workload with a plan",
      ["--plan", "p", "--run", "r", "--duration", "1s"],
      2,
      "a planned run has no use for --duration",
    ],
    ["a span without a unit", ["simple", "--duration", "5"], 2, 'for example "10s"'],
  ] as const)("%s", async (_name, args, code, message) => {
    const { code: found, error } = await refused(args);
    expect(error).toContain(message);
    expect(found).toBe(code);
  });

  test("a model that the zoo of the environment lacks", async () => {
    const { code, error } = await refused(["spam", "vgg"], { CLOCKWORK_MODEL_DIR: zoo });
    expect(code).toBe(1);
    expect(error).toContain(
      `needs the model vgg, which is not among the 2 of ${zoo} (resnet18_v2, resnet50_v2)`,
    );
  });

  test("a damaged trace, with the line", async () => {
    const dir = mkdtempSync(join(scratch, "damaged-"));
    const file = "invocations_per_function_md.svls.anon.d01.csv";
    const [header = "", row = ""] = readFileSync(
      join(traceDir, "invocations_per_function_md.anon.d01.csv"),
      "utf8",
    ).split("\n");
    writeFileSync(join(dir, file), `${header}\n${row.replace(",60,", ",6O,")}\n`);
    const { code, error } = await refused(["azure_small", "--trace-dir", dir]);
    expect(code).toBe(1);
    expect(error).toContain(file);
    expect(error).toContain("the count is no number");
  });
});

describe("against a controller of the test's own", () => {
  const start = async (port: number, args: readonly string[]) => {
    const child = spawnRole("client", [`127.0.0.1:${port}`, ...args]);
    const text = async () => ({
      code: await child.exited,
      error: await new Response(child.stderr).text(),
    });
    return { child, text };
  };

  test("asks for models by their folders in the zoo, and says how many it found", async () => {
    await using echo = await open();
    const { child, text } = await start(echo.port, [
      "simple",
      "--model-dir",
      zoo,
      "--duration",
      "50ms",
    ]);
    await waitFor(child, new RegExp(`Found 2 models in ${zoo}`));
    expect((await text()).code).toBe(0);
    expect(echo.requests[0]).toMatchObject({ path: `${zoo}/resnet50_v2/model`, copies: 2 });
  });

  test("a signal: waits for what is out, and ends well", async () => {
    await using echo = await open();
    const { child, text } = await start(echo.port, ["simple", "--no-inputs", "--log-dir", scratch]);
    await waitFor(child, /Connection established/);
    while (echo.requests.length < 20) await Bun.sleep(5);
    child.kill("SIGINT");
    expect(await text()).toEqual({ code: 0, error: "" });
    const log = readdirSync(scratch).find((name) => name === "client_log.tsv") ?? "";
    const rows = readFileSync(join(scratch, log), "utf8").trimEnd().split("\n").slice(1);
    expect(rows.length).toBeGreaterThanOrEqual(16);
    expect(rows.every((row) => row.includes("\tok\t"))).toBe(true);
  });

  test("a connection that is lost: an error, not a hang", async () => {
    await using echo = await open();
    const { child, text } = await start(echo.port, ["simple", "--no-inputs"]);
    await waitFor(child, /Connection established/);
    while (echo.requests.length < 10) await Bun.sleep(5);
    echo.hangUp();
    const { code, error } = await text();
    expect(code).toBe(4);
    expect(error).toContain("the connection to the controller was lost");
  });

  test("a model that is refused: the reason", async () => {
    await using echo = await open({ loadStatus: STATUS.INVALID_REQUEST });
    const { text } = await start(echo.port, ["simple"]);
    const { code, error } = await text();
    expect(code).toBe(4);
    expect(error).toContain("the controller did not load resnet50_v2: status 6");
  });

  test("nobody there: where it looked, and for how long", async () => {
    const echo = await open();
    await echo.close();
    const { text } = await start(echo.port, ["simple", "--connect-timeout", "100ms"]);
    const { code, error } = await text();
    expect(code).toBe(4);
    expect(error).toContain(`cannot connect to 127.0.0.1:${echo.port} (tried for`);
  });
});

const open = async (options = {}) => {
  const echo = await startEchoController({ clock: startClock(), ...options });
  return Object.assign(echo, { [Symbol.asyncDispose]: () => echo.close() });
};
