/** Which processes are found and how they are ended, on real ones. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcesses } from "#remote/end-processes.ts";
import { findOwned, type Ownership } from "#remote/process-table.ts";
import { MARKER_VARIABLE } from "#remote/remote.ts";
import { waitUntil } from "../support/marked-processes.ts";

const hasProc = process.platform === "linux";
if (!hasProc) console.warn("SKIPPED: the process table, because there is no /proc");

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "escapement-processes-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Starts `command` with a marker of its own; whoever carries it is owned. */
const start = (command: readonly string[]) => {
  const marker = `table-${crypto.randomUUID()}`;
  const child = Bun.spawn([...command], {
    env: { ...process.env, [MARKER_VARIABLE]: marker },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const ownership: Ownership = { marker, ancestorPid: null, except: new Set() };
  return { child, ownership };
};

const until = (what: string, condition: () => boolean): Promise<number> =>
  waitUntil(condition, { limitMs: 10_000, what });

/** The kernel's letter for what the process does; "" when there is no such process. */
const stateOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return "";
  }
};

describe("the process table", () => {
  test.skipIf(!hasProc)("finds a process whose name reads like the fields after it", async () => {
    // The kernel's line is "PID (a) Z 1 (b) S …": a careless reader takes it for a zombie.
    const program = join(scratch, "a) Z 1 (b");
    symlinkSync(Bun.which("sleep") ?? "/bin/sleep", program);
    const { child, ownership } = start([program, "60"]);
    await using _ = child;
    await until("the process is found", () => findOwned(ownership).length === 1);
    expect(findOwned(ownership)[0]).toMatchObject({ pid: child.pid, parentPid: process.pid });
  });

  test.skipIf(!hasProc)("leaves out zombies: nothing of them runs any more", async () => {
    // The child outlives the shell; what took the shell's place never asks after it.
    const pidFile = join(scratch, "zombie");
    const { child, ownership } = start([
      "sh",
      "-c",
      `sleep 0.1 & echo $! >"${pidFile}"; exec sleep 60`,
    ]);
    await using _ = child;
    const zombie = (): number => Number(readFileSync(pidFile, { encoding: "utf8", flag: "a+" }));
    await until("there is a zombie", () => zombie() > 0 && stateOf(zombie()) === "Z");
    const found = findOwned({ ...ownership, ancestorPid: process.pid });
    expect(found.map(({ pid }) => pid)).toContain(child.pid);
    expect(found.map(({ pid }) => pid)).not.toContain(zombie());
  });
});

describe("ending processes", () => {
  /** Notes every SIGTERM that it gets, and goes on. */
  const counting = (file: string): readonly string[] => {
    const script = join(scratch, "counting.ts");
    writeFileSync(
      script,
      `import { appendFileSync } from "node:fs";
process.on("SIGTERM", () => appendFileSync(process.argv[2], "TERM "));
appendFileSync(process.argv[2], "ready ");
setInterval(() => {}, 1000);
`,
    );
    return [process.execPath, script, file];
  };

  test.skipIf(!hasProc)(
    "asks a process once, wakes it if it is stopped, then kills it",
    async () => {
      const file = join(scratch, "signals");
      writeFileSync(file, "");
      const { child, ownership } = start(counting(file));
      await using _ = child;
      await until("it is ready", () => readFileSync(file, "utf8") === "ready ");
      process.kill(child.pid, "SIGSTOP");
      await until("it is stopped", () => stateOf(child.pid) === "T");
      const { ended, survivors } = await endProcesses({ ownership, graceMs: 1500 });
      expect([ended, survivors]).toEqual([1, []]);
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      expect(readFileSync(file, "utf8")).toBe("ready TERM ");
    },
  );
});
