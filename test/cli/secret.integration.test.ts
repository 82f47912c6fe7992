/** Secrets and allow-lists on the command lines of all three roles: files, the environment, and what is refused. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";
import { plannedRun, planOf } from "../support/planned-runs.ts";

const root = resolve(import.meta.dir, "../..");
const dirs: string[] = [];
const children: ReturnType<typeof spawn>[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGTERM");
    await child.exited;
  }
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

const spawn = (args: readonly string[], secret = "") =>
  Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), "clockwork", ...args], {
    env: { ...process.env, CLOCKWORK_LOG_DIR: "/nonexistent", ESCAPEMENT_SECRET: secret },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });

/** A role that runs until the test is over. */
const start = (args: readonly string[], secret = "") => {
  const child = spawn(args, secret);
  children.push(child);
  let text = "";
  const heard = new Set<() => void>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      for (const wake of heard) wake();
    }
  })();
  const until = (pattern: RegExp): Promise<RegExpExecArray> => {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    };
    heard.add(look);
    look();
    return promise;
  };
  return { child, until };
};

const secretFile = (text: string, mode = 0o600): string => {
  const dir = mkdtempSync(join(tmpdir(), "secret-"));
  dirs.push(dir);
  const path = join(dir, "secret");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const READY = /"event":"ready".*"port":(\d+)/;
const SECRET = "0123456789abcdef0123456789abcdef";
const OTHER = "0123456789abcdef0123456789abcdeF";

test("a secret in a file and the same in the environment are one; another one is refused on both sides", async () => {
  // A line break at the end of a file does not belong to the secret.
  const worker = start(["worker", "-p", "0", "--secret-file", secretFile(`${SECRET}\n`)]);
  const [, workerPort] = await worker.until(READY);
  const common = ["controller", "INFER5", `127.0.0.1:${workerPort}`, "--client-port", "0"];
  const controller = start(common, SECRET);
  const [, port] = await controller.until(READY);

  const stranger = spawn(common, OTHER);
  expect(await stranger.exited).toBe(4);
  expect(await new Response(stranger.stderr).text()).toContain(
    `127.0.0.1:${workerPort} has another shared secret than this side`,
  );
  await worker.until(/Refused a controller: .* does not have this side's shared secret/);

  const without = spawn(common);
  expect(await without.exited).toBe(4);
  expect(await new Response(without.stderr).text()).toContain(
    "uses a shared secret, and this side has none",
  );
  await worker.until(/Refused a controller: .* sent no handshake/);

  const run = plannedRun(0);
  const plan = secretFile(
    JSON.stringify({ schema_version: RESULTS_SCHEMA_VERSION, plan: toStoredKeys(planOf([run])) }),
  );
  const client = spawn(["client", `127.0.0.1:${port}`, "--plan", plan, "--run", run.name], OTHER);
  expect(await client.exited).toBe(4);
  expect(await new Response(client.stderr).text()).toContain(
    `127.0.0.1:${port} has another shared secret than this side`,
  );
  await controller.until(/Refused a client: .* does not have this side's shared secret/);
});

test("an allow-list keeps controllers and clients from elsewhere out", async () => {
  const worker = start(["worker", "-p", "0", "--allow", "10.0.0.0/8,fd00::/8"]);
  const [, port] = await worker.until(READY);
  const controller = spawn(["controller", "INFER5", `127.0.0.1:${port}`, "--client-port", "0"]);
  expect(await controller.exited).toBe(4);
  await worker.until(/Refused a controller: 127\.0\.0\.1:\d+ is not on the allow-list/);
});

test("a port that others can reach without a secret is warned of", async () => {
  const open = start(["worker", "-p", "0", "--bind", "0.0.0.0"]);
  await open.until(/Warning: 0\.0\.0\.0 is open to whoever can reach it, without a shared secret/);
  const closed = start(["worker", "-p", "0", "--bind", "0.0.0.0"], SECRET);
  await closed.until(READY);
  const text = await (async () => {
    closed.child.kill("SIGTERM");
    await closed.child.exited;
    return await closed.until(/^[^]*$/);
  })();
  expect(text[0]).not.toContain("Warning");
});

describe("refused", () => {
  test.each([
    ["a file that is not there", () => "/nonexistent/secret", 5, "cannot be read"],
    ["a folder", () => tmpdir(), 5, "the secret file"],
    [
      "a file open to the group",
      () => secretFile(SECRET, 0o640),
      5,
      "is open to others (mode 640)",
    ],
    ["a file open to all", () => secretFile(SECRET, 0o604), 5, "chmod 600"],
    ["a short secret", () => secretFile("fifteen bytes..\n"), 5, "holds 15 bytes"],
    ["an empty file", () => secretFile("\n"), 5, "holds 0 bytes"],
  ])("%s", async (_name, makePath, code, message) => {
    const path = makePath();
    for (const role of [["worker"], ["controller", "ECHO", "127.0.0.1:1"]]) {
      const child = spawn([...role, "--secret-file", path]);
      expect(await child.exited).toBe(code);
      expect(await new Response(child.stderr).text()).toContain(message);
    }
  });

  test.each([
    [
      "a short secret in the environment",
      ["worker"],
      "short",
      5,
      "ESCAPEMENT_SECRET holds 5 bytes",
    ],
    ["--secret-file without a file", ["worker", "--secret-file"], "", 2, "argument missing"],
    ["a bad network", ["worker", "--allow", "10.0.0.0/40"], "", 2, '"10.0.0.0/40" is no network'],
    ["--bind without an address", ["worker", "--bind"], "", 2, "argument missing"],
    ["GPUs that are no number", ["worker", "-n", "two"], "", 2, "from 1 to 1024"],
    ["a port that is no number", ["worker", "-p", "x"], "", 2, "from 0 to 65535"],
    [
      "no room for requests",
      ["controller", "ECHO", "a:1", "--requests-max", "0"],
      "",
      2,
      "from 1 to",
    ],
    [
      "a size without unit",
      ["controller", "ECHO", "a:1", "--input-bytes-max", "5"],
      "",
      2,
      '"8GiB"',
    ],
    ["a limit of no time", ["controller", "ECHO", "a:1", "--stall-limit", "0s"], "", 2, '"60s"'],
    ["a client without a port", ["client", "localhost"], "", 2, "HOST:PORT"],
  ])("%s", async (_name, args, secret, code, message) => {
    const child = spawn(args, secret);
    expect(await child.exited).toBe(code);
    expect(await new Response(child.stderr).text()).toContain(message);
  });
});
