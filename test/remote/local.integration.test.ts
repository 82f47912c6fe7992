/** This machine as a remote host: the contract, the lease, and what happens when either side is killed. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalHost } from "#remote/local.ts";
import type { HostEvent } from "#remote/remote.ts";
import { describeRemote } from "../contract/remote.ts";
import { markedProcesses, waitUntil } from "../support/marked-processes.ts";
import { STUBBORN } from "../support/stubborn.ts";

const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: tmpdir() };

describeRemote("local", (options) => openLocalHost({ ...options, env }));

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "escapement-local-"));
  folders.push(folder);
  return folder;
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const supervisorPid = (marker: string): number =>
  Number(
    markedProcesses(marker)
      .find((line) => line.includes("supervisor.ts"))
      ?.split(" ")[0],
  );

describe("a local host", () => {
  test("reports a killed supervisor, and still ends what it had started", async () => {
    const marker = `lost-${crypto.randomUUID()}`;
    const events: HostEvent[] = [];
    const host = await openLocalHost({
      env,
      marker,
      leaseMs: 60_000,
      graceMs: 100,
      onEvent: (event) => events.push(event),
    });
    const folder = newFolder();
    for (const [name, command] of Object.entries(STUBBORN)) {
      const logPath = join(folder, `${name}.log`);
      const launched = await host.launch({ name, command, cwd: folder, env: {}, logPath });
      expect(launched.ok).toBe(true);
      const isUp = (): boolean =>
        events.some((event) => event.kind === "line" && event.name === name);
      await waitUntil(isUp, { limitMs: 10_000, what: `${name} is up` });
    }
    process.kill(supervisorPid(marker), "SIGKILL");
    const isLost = (): boolean => events.some((event) => event.kind === "lost");
    await waitUntil(isLost, { limitMs: 10_000, what: "the loss is reported" });
    const outcome = events.find(
      (event) => event.kind === "exited" && event.name === "ignores SIGTERM",
    );
    expect(outcome).toMatchObject({ outcome: { exitCode: null, signal: null } });
    expect(outcome?.kind === "exited" ? outcome.outcome.cause : null).toContain("SIGKILL");
    expect((await host.list()).length).toBeGreaterThanOrEqual(3);
    expect((await host.endAll({ graceMs: 100 })).survivors).toEqual([]);
    expect(markedProcesses(marker)).toEqual([]);
    const late = await host.launch({
      name: "late",
      command: ["true"],
      cwd: folder,
      env: {},
      logPath: join(folder, "l"),
    });
    expect(late.ok ? null : late.error.cause).toContain("supervisor");
    await host.close();
  });

  test("a supervisor that is asked to end takes everything along", async () => {
    const marker = `term-${crypto.randomUUID()}`;
    const events: HostEvent[] = [];
    const host = await openLocalHost({
      env,
      marker,
      leaseMs: 60_000,
      graceMs: 100,
      onEvent: (event) => events.push(event),
    });
    const folder = newFolder();
    const command = STUBBORN["forks twice"];
    await host.launch({ name: "a", command, cwd: folder, env: {}, logPath: join(folder, "a.log") });
    const isUp = (): boolean => events.some((event) => event.kind === "line");
    await waitUntil(isUp, { limitMs: 10_000, what: "the process is up" });
    process.kill(supervisorPid(marker), "SIGTERM");
    await waitUntil(() => markedProcesses(marker).length === 0, {
      limitMs: 10_000,
      what: "nothing is left",
    });
    await host.close();
  });
});

/** The processes that ignore SIGTERM, one of each kind; what merely started them comes and goes. */
const stubbornOf = (marker: string): readonly string[] =>
  markedProcesses(marker).filter((line) => /^\d+ sh -c trap/.test(line));

describe("the lease", () => {
  const LEASE_MS = 2000;
  const GRACE_MS = 1000;

  const startOwner = async (
    marker: string,
  ): Promise<Bun.Subprocess<"ignore", "pipe", "inherit">> => {
    const program = join(import.meta.dir, "../support/host-owner.ts");
    const owner = Bun.spawn(
      [process.execPath, program, marker, newFolder(), String(LEASE_MS), String(GRACE_MS)],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
        env: { ...env, TMPDIR: tmpdir() },
      },
    );
    let text = "";
    for await (const chunk of owner.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.includes("all up")) break;
    }
    return owner;
  };

  test("begins when the owner is killed: 2 s later SIGTERM, 1 s later SIGKILL, and nothing is left after 5 s", async () => {
    const marker = `lease-${crypto.randomUUID()}`;
    const owner = await startOwner(marker);
    expect(stubbornOf(marker).length).toBeGreaterThanOrEqual(3);
    owner.kill("SIGKILL");
    await owner.exited;
    const killedAt = performance.now();
    await Bun.sleep(LEASE_MS / 2);
    // Half of the lease has passed: everything still runs.
    expect(stubbornOf(marker).length).toBeGreaterThanOrEqual(3);
    await waitUntil(() => markedProcesses(marker).length === 0, {
      limitMs: 4000,
      what: "nothing is left",
    });
    const goneAfterMs = performance.now() - killedAt;
    expect(goneAfterMs).toBeGreaterThan(LEASE_MS);
    expect(goneAfterMs).toBeLessThan(5000);
  }, 20_000);

  test("does not begin while the owner is merely stalled", async () => {
    const marker = `stalled-${crypto.randomUUID()}`;
    const owner = await startOwner(marker);
    expect(stubbornOf(marker).length).toBeGreaterThanOrEqual(3);
    owner.kill("SIGSTOP");
    await Bun.sleep(LEASE_MS + GRACE_MS + 500);
    const left = stubbornOf(marker);
    owner.kill("SIGKILL");
    expect(left.length).toBeGreaterThanOrEqual(3);
    await owner.exited;
    await waitUntil(() => markedProcesses(marker).length === 0, {
      limitMs: 5000,
      what: "nothing is left",
    });
  }, 20_000);
});
