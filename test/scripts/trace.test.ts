/** The trace script: the shipped trace is what it makes, and fetching fails with a reason. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "zx";
import { parseAzureTrace } from "#workload/azure-trace.ts";
import { compareWithPublished, formatComparison } from "../../scripts/trace/compare.ts";
import { fetchTrace } from "../../scripts/trace/fetch.ts";
import { generateTrace } from "../../scripts/trace/generate.ts";

const root = resolve(import.meta.dir, "../..");
const shipped = join(root, "experiments/traces/synthetic-azure2019.csv");

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "trace-"));
  cleanups.push(() => rmSync(path, { recursive: true }));
  return path;
};

const parsed = (text: string) => {
  const trace = parseAzureTrace(text);
  if (!trace.ok) throw new Error(JSON.stringify(trace.error));
  return trace.value;
};

describe("the shipped trace", () => {
  const text = readFileSync(shipped, "utf8");

  test("is what its command makes, byte for byte", async () => {
    const out = join(folder(), "again.csv");
    const command = `--out ${out} --functions 1000 --minutes 60 --seed 1`.split(" ");
    const run = Bun.spawnSync([process.execPath, "scripts/trace.ts", "generate", ...command], {
      cwd: root,
    });
    expect(run.exitCode).toBe(0);
    expect(readFileSync(out, "utf8")).toBe(text);
    const readme = readFileSync(join(root, "experiments/traces/README.md"), "utf8");
    expect(readme).toContain("--functions 1000 --minutes 60 --seed 1");
  });

  test("is as far from the published statistics as its README says", () => {
    const readme = readFileSync(join(root, "experiments/traces/README.md"), "utf8");
    expect(readme).toContain(formatComparison(compareWithPublished(parsed(text))));
  });

  test("suits the main experiment: small, and 190 to 500 requests a second at ten times its pace", () => {
    const trace = parsed(text);
    expect(text.length).toBeLessThan(400_000);
    expect([trace.functions.length, trace.minuteCount]).toEqual([1000, 60]);
    for (let minute = 0; minute < trace.minuteCount; minute++) {
      const count = trace.functions.reduce((sum, fn) => sum + (fn.counts[minute] ?? 0), 0);
      // A traced minute lasts 6 s.
      expect(count / 6).toBeGreaterThan(190);
      expect(count / 6).toBeLessThan(500);
    }
  });
});

describe("generated traces", () => {
  const options = { functions: 300, minutes: 60, firstMinute: 480, seed: 9 };

  test("depend on the seed and on nothing else", () => {
    expect(generateTrace(options)).toBe(generateTrace(options));
    expect(generateTrace(options)).not.toBe(generateTrace({ ...options, seed: 10 }));
  });

  test.each([1, 2, 3])("have the published shares of functions (seed %d)", (seed) => {
    const trace = parsed(generateTrace({ ...options, functions: 2000, seed }));
    expect(trace.firstMinute).toBe(480);
    const share = (test: (fn: (typeof trace.functions)[number]) => boolean) =>
      trace.functions.filter(test).length / trace.functions.length;
    // Quotas are exact to one function; the published shares add up to 105.7 % and are scaled to 100 %.
    expect(share((fn) => fn.trigger === "http")).toBeCloseTo(0.433 / 1.057, 2);
    // The published quantiles put one invocation a minute between their 90 and 95 % points (0.9 and 2.4 a minute).
    const total = (fn: (typeof trace.functions)[number]) => fn.counts.reduce((a, b) => a + b, 0);
    expect(share((fn) => total(fn) <= 60)).toBeGreaterThan(0.88);
    expect(share((fn) => total(fn) <= 60)).toBeLessThan(0.94);
  });

  test("have timers that fire once a period, at most once a minute", () => {
    const trace = parsed(generateTrace({ ...options, functions: 1000 }));
    const timers = trace.functions.filter((fn) => fn.trigger === "timer" && fn.columns.length > 2);
    expect(timers.length).toBeGreaterThan(20);
    for (const { columns, counts } of timers) {
      expect(new Set(counts)).toEqual(new Set([1]));
      const gaps = columns.slice(1).map((column, index) => column - (columns[index] ?? 0));
      expect(new Set(gaps).size).toBe(1);
    }
  });
});

describe("the trace command", () => {
  test.each([
    [[], "say what to do"],
    [["make"], "unknown: make"],
    [["generate"], "--out must name the file"],
    [
      ["generate", "--out", "x", "--functions", "0"],
      '--functions must be a whole number from 1 to 100000, not "0"',
    ],
    [["generate", "--out", "x", "--seed", "1.5"], "--seed must be a whole number"],
    [["generate", "--out", "x", "--colour", "red"], "colour"],
    [["fetch", "--out", "x", "--day", "15"], "--day must be a whole number from 1 to 14"],
  ])("says what is wrong with %p", (args, message) => {
    const run = Bun.spawnSync([process.execPath, "scripts/trace.ts", ...args], { cwd: root });
    expect(run.exitCode).toBe(2);
    expect(run.stderr.toString()).toContain(message);
  });
});

const hasXz = Bun.which("xz") !== null && Bun.which("tar") !== null;
if (!hasXz) console.warn("SKIPPED: unpacking the public data set, for want of tar or xz");

describe("fetching", () => {
  const archive = async (): Promise<Uint8Array> => {
    const dir = folder();
    const member = "invocations_per_function_md.anon.d02.csv";
    writeFileSync(join(dir, member), readFileSync(shipped));
    await $({ cwd: dir, quiet: true })`tar -cJf a.tar.xz ${member}`;
    return readFileSync(join(dir, "a.tar.xz"));
  };

  const serve = (respond: () => Response): string => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: respond });
    cleanups.push(() => server.stop(true));
    return `http://127.0.0.1:${server.port}/a.tar.xz`;
  };

  /** The message of what was thrown. */
  const failureOf = async (fetching: Promise<unknown>): Promise<string> => {
    try {
      await fetching;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    throw new Error("nothing was thrown");
  };

  const fetchInto = (dir: string, changes: { readonly url: string; readonly sha256?: string }) =>
    fetchTrace({ day: 2, dir, onLine: () => undefined, ...changes });

  test("without a server says what else can be done", async () => {
    const url = "http://127.0.0.1:1/a.tar.xz";
    expect(await failureOf(fetchInto(folder(), { url }))).toMatch(
      /cannot fetch .*use the shipped trace/,
    );
  });

  test("tells the server's refusal", async () => {
    const url = serve(
      () => new Response("", { status: 409, statusText: "Public access is not permitted" }),
    );
    expect(await failureOf(fetchInto(folder(), { url }))).toContain("409");
  });

  test("refuses an archive that it does not know, and says how to accept it", async () => {
    const url = serve(() => new Response("something else"));
    const sum = new Bun.CryptoHasher("sha256").update("something else").digest("hex");
    expect(await failureOf(fetchInto(folder(), { url }))).toContain(`pass --sha256 ${sum}`);
  });

  test.skipIf(!hasXz)(
    "unpacks the day asked for, and refuses a file that cannot be a whole day",
    async () => {
      const bytes = await archive();
      const url = serve(() => new Response(bytes));
      const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      const dir = folder();
      expect(await failureOf(fetchInto(dir, { url, sha256 }))).toContain("has 1000 functions");
      const unpacked = readFileSync(join(dir, "invocations_per_function_md.anon.d02.csv"), "utf8");
      expect(unpacked).toBe(readFileSync(shipped, "utf8"));
      // The archive is kept: a second day needs no second download.
      expect(
        await failureOf(
          fetchTrace({ day: 3, dir, url: "http://127.0.0.1:1/", sha256, onLine: () => undefined }),
        ),
      ).toContain("cannot unpack invocations_per_function_md.anon.d03.csv");
    },
  );
});
