/** The controller's command line as a process: what is refused before anything starts, and how it ends. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");
const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

const spawn = (args: readonly string[], logDir = "/nonexistent") =>
  Bun.spawn(["bun", join(root, "src/cli/main.ts"), "clockwork", "controller", ...args], {
    env: { ...process.env, CLOCKWORK_LOG_DIR: logDir },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });

type Spawned = ReturnType<typeof spawn>;

/** Reads standard output until a line holds `text`; fails when the output ends before. */
const waitFor = async (child: Spawned, text: string): Promise<void> => {
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let seen = "";
  while (!seen.includes(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`"${text}" was not printed: ${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
};

const WORKER = "127.0.0.1:1";

describe("refused with exit code 2", () => {
  test.concurrent.each([
    ["no worker", ["INFER5"], "missing required argument 'WORKERS'"],
    [
      "a type that is left out, with the reason",
      ["SMART", WORKER],
      "Known types: INFER4, INFER5, ECHO, DIRECT. SMART of the original is left out: it answers with",
    ],
    ["another one", ["STRESS", WORKER], "STRESS of the original is left out: it serves no clients"],
    ["a type nobody knows", ["EDF", WORKER], "Known types: INFER4, INFER5, ECHO, DIRECT.\n"],
    [
      "what ECHO would ignore",
      ["ECHO", WORKER, "1", "--max-gpus", "2"],
      "ECHO has no use for '1' after WORKERS, --max-gpus",
    ],
    [
      "what DIRECT would ignore",
      ["DIRECT", WORKER, "--load-stage-timeout", "1s"],
      "DIRECT has no use for --load-stage-timeout",
    ],
    [
      "what DIRECT has no workers' books for",
      ["DIRECT", WORKER, "--start-warm", "--overdue-after", "1s", "--silence-timeout", "1s"],
      "DIRECT has no use for --overdue-after, --start-warm, --silence-timeout",
    ],
    [
      "a body beyond what one piece of memory holds",
      ["INFER5", WORKER, "--body-bytes-max", "4GiB"],
      'It must be a size above zero and below 4GiB, as in "10MiB".',
    ],
    ["a worker without port", ["INFER5", "localhost"], '"localhost" must be HOST:PORT'],
    ["a worker named twice", ["INFER5", `${WORKER},${WORKER}`], `${WORKER} is named twice`],
    ["a port out of range", ["INFER5", "a:70000"], '"a:70000" must be HOST:PORT'],
    [
      "a bad first position",
      ["INFER5", WORKER, "yes"],
      "option 1 after WORKERS (generate_inputs) is 'yes'",
    ],
    ["no GPUs", ["INFER5", WORKER, "0", "0"], "option 2 after WORKERS (max_gpus) is '0'"],
    [
      "a negative span",
      ["INFER5", WORKER, "0", "1", "--", "-5"],
      "option 3 after WORKERS (schedule_ahead)",
    ],
    [
      "too many positions",
      ["INFER5", WORKER, ..."1 2 3 4 5 6 7".split(" ")],
      "too many options after WORKERS",
    ],
    ["a span without unit", ["INFER5", WORKER, "--max-exec", "25"], 'for example "10ms"'],
    ["a batch of none", ["INFER5", WORKER, "--max-batch", "0"], "from 1 to 65535"],
    [
      "a dialect nobody speaks",
      ["INFER5", WORKER, "--telemetry-dialect", "new"],
      "documented, original",
    ],
    ["a client port out of range", ["INFER5", WORKER, "--client-port", "65536"], "from 0 to 65535"],
    ["an unknown option", ["INFER5", WORKER, "--slo", "5ms"], "unknown option '--slo'"],
  ])("%s", async (_name, args, message) => {
    const child = spawn(args);
    expect(await child.exited).toBe(2);
    expect(await new Response(child.stderr).text()).toContain(message);
  });
});

describe("starting", () => {
  test("a worker that is not there is one line and exit code 4", async () => {
    const child = spawn(["INFER5", WORKER, "--client-port", "0", "--connect-timeout", "1ms"]);
    expect(await child.exited).toBe(4);
    const lines = (await new Response(child.stderr).text()).trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`cannot connect to ${WORKER}`);
  });

  test("positions are in ns, and names win over them", async () => {
    const position = ["0", "3", "20000000", "50000000"];
    const named = ["--max-gpus", "7", "--connect-timeout", "1ms", "--client-port", "0"];
    const child = spawn(["INFER5", WORKER, ...position, ...named]);
    await child.exited;
    const output = await new Response(child.stdout).text();
    expect(output).toContain("\t schedule_ahead=20000000\n");
    expect(output).toContain("\t default_slo=50000000\n");
    expect(output).toContain("\t max_allowable_exec_time=250000000\n");
    expect(output).toContain("\t max_gpus=7\n");
  });

  test("its first lines are the original's, in that order", async () => {
    const child = spawn(["INFER4", WORKER, "--connect-timeout", "1ms", "--client-port", "0"]);
    await child.exited;
    const own = (await new Response(child.stdout).text()).split("\n");
    const golden = join(root, "test/golden/console/simple-infer4-1gpu.txt");
    const recorded = readFileSync(golden, "utf8").split("\n");
    const end = recorded.findIndex((line) => line.startsWith("Connecting to worker"));
    // Folders, addresses and ports are each machine's own.
    const comparable = (line: string): string =>
      line.replace(/(?<=^Logging \w+ to ).*\//, "").replace(/\S+:\d+$/, "ADDRESS");
    const shown = new Set(own.map(comparable));
    const expected = recorded.slice(0, end + 1).map(comparable);
    expect(expected).toHaveLength(13);
    expect(expected.filter((line) => shown.has(line))).toEqual(expected);
    const positions = expected.map((line) => own.map(comparable).indexOf(line));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  test.each([
    // INFER4 looks no further ahead for the inputs it makes, and makes larger batches.
    ["INFER4", 10_000_000, 16],
    ["INFER5", 15_000_000, 8],
  ])("defaults of %s, with generated inputs", async (type, scheduleAhead, maxBatch) => {
    const child = spawn([type, WORKER, "1", "--connect-timeout", "1ms", "--client-port", "0"]);
    await child.exited;
    const output = await new Response(child.stdout).text();
    expect(output).toContain(`\t schedule_ahead=${scheduleAhead}\n`);
    expect(output).toContain(`\t max_batch_size=${maxBatch}\n`);
    expect(output).toContain("\t generate_inputs=1\n");
  });

  test.each([
    ["ECHO", ["Logging requests to"]],
    ["DIRECT", []],
  ])("%s prints no scheduler's parameters and keeps fewer logs", async (type, logging) => {
    const child = spawn([type, WORKER, "--connect-timeout", "1ms", "--client-port", "0"]);
    expect(await child.exited).toBe(4);
    const output = await new Response(child.stdout).text();
    expect(output).not.toContain("max_batch_size");
    const told = output.split("\n").flatMap((line) => /^Logging \w+ to/.exec(line)?.[0] ?? []);
    expect(told).toEqual(logging);
  });
});

describe("ending in good order", () => {
  const startWaiting = async (extra: readonly string[]) => {
    const logDir = mkdtempSync(join(tmpdir(), "controller-"));
    dirs.push(logDir);
    const ports = ["--client-port", "0", "--connect-timeout", "10min"];
    const child = spawn(["INFER5", WORKER, ...ports, ...extra], logDir);
    await waitFor(child, "Connecting to worker");
    return { child, logDir };
  };

  test.each(["SIGTERM", "SIGINT"] as const)("%s", async (signal) => {
    const { child, logDir } = await startWaiting([]);
    child.kill(signal);
    await waitFor(child, `Interrupt signal (${signal === "SIGINT" ? 2 : 15}) received.`);
    expect(await child.exited).toBe(0);
    const log = readFileSync(join(logDir, "clockwork_request_log.tsv"), "utf8");
    expect(log.startsWith("t\trequest_id\tresult\t")).toBe(true);
  });

  test("the end of standard input, with --lifeline", async () => {
    const { child } = await startWaiting(["--lifeline"]);
    await child.stdin.end();
    expect(await child.exited).toBe(0);
  });
});

test.each([
  ["not told by hand", [], false],
  ["told under supervision", ["--lifeline"], true],
])("%s, the event loop's line a second", async (_, extra, isTold) => {
  const child = spawn(["ECHO", WORKER, "--connect-timeout", "1ms", "--client-port", "0", ...extra]);
  expect(await child.exited).toBe(4);
  const output = await new Response(child.stdout).text();
  expect(output.includes('"event":"loop"')).toBe(isTold);
});
