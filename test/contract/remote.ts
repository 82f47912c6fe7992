/** What every implementation of `RemoteHost` keeps; each one runs this suite, and says why it skips a part. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  HostEvent,
  HostOptions,
  ProcessSpec,
  RemoteHost,
  RunningProcess,
} from "#remote/remote.ts";
import { markedProcesses, waitUntil } from "../support/marked-processes.ts";
import {
  FORKS_TWICE_WITHOUT_ENVIRONMENT,
  IGNORES_TERM,
  MEEK,
  STUBBORN,
} from "../support/stubborn.ts";

export type RemotePart =
  | "log files on this machine"
  | "processes on this machine"
  | "orphans without environment";

/** `skip` maps a part to the reason why this implementation cannot keep it. */
export const describeRemote = (
  name: string,
  make: (options: HostOptions) => Promise<RemoteHost>,
  skip: Partial<Record<RemotePart, string>> = {},
): void => {
  const testPart = (part: RemotePart, title: string, body: () => Promise<void>): void => {
    const reason = skip[part];
    if (reason === undefined) test(title, body);
    else test.skip(`${title} (skipped: ${reason})`, body);
  };

  describe(`${name} keeps the contract of RemoteHost`, () => {
    let folder = "";
    let marker = "";
    let events: HostEvent[] = [];
    let host: RemoteHost;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "escapement-remote-"));
      marker = `contract-${crypto.randomUUID()}`;
      events = [];
      host = await make({
        marker,
        leaseMs: 500,
        graceMs: 200,
        onEvent: (event) => events.push(event),
      });
    });

    afterEach(async () => {
      await host.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const spec = (
      processName: string,
      command: readonly string[],
      more: Partial<ProcessSpec> = {},
    ): ProcessSpec => ({
      name: processName,
      command,
      cwd: folder,
      env: {},
      logPath: join(folder, `${processName}.log`),
      ...more,
    });

    const launch = async (launched: ProcessSpec): Promise<RunningProcess> => {
      const result = await host.launch(launched);
      if (!result.ok) throw new Error(`launch failed: ${result.error.cause}`);
      return result.value;
    };

    const linesOf = (
      processName: string,
      stream: "stdout" | "stderr" = "stdout",
    ): readonly string[] =>
      events.flatMap((event) =>
        event.kind === "line" && event.name === processName && event.line.stream === stream
          ? [event.line.text]
          : [],
      );

    const waitForLine = (processName: string, text: string): Promise<number> =>
      waitUntil(() => linesOf(processName).includes(text), {
        limitMs: 10_000,
        what: `"${text}" from ${processName}`,
      });

    test("reports lines, then the exit code, then settles", async () => {
      const process = await launch(
        spec("talker", ["sh", "-c", "echo one; echo two; echo oops >&2; printf last; exit 7"]),
      );
      const outcome = await process.exited;
      expect(linesOf("talker")).toEqual(["one", "two", "last"]);
      expect(linesOf("talker", "stderr")).toEqual(["oops"]);
      expect(events.at(-1)).toEqual({ kind: "exited", name: "talker", outcome });
      expect(outcome).toMatchObject({
        name: "talker",
        host: host.name,
        exitCode: 7,
        signal: null,
        timedOut: false,
        canceled: false,
        stdout: "one\ntwo\nlast",
        stderr: "oops",
        cause: null,
      });
      expect(outcome.pid).toBe(process.pid);
    });

    testPart(
      "log files on this machine",
      "keeps both streams in the log file, whole lines only",
      async () => {
        const script = "for i in $(seq 1000); do echo out $i; echo err $i >&2; done";
        await (await launch(spec("both", ["sh", "-c", script]))).exited;
        const lines = readFileSync(join(folder, "both.log"), "utf8").trimEnd().split("\n");
        expect(lines.filter((line) => line.startsWith("out "))).toHaveLength(1000);
        expect(lines.filter((line) => line.startsWith("err "))).toHaveLength(1000);
        expect(lines).toHaveLength(2000);
        expect(linesOf("both")).toHaveLength(1000);
      },
    );

    test("passes arguments and environment on without a shell", async () => {
      const command = ["sh", "-c", 'echo "$1|$GREETING|$ESCAPEMENT_RUN_ID"', "sh", "a b; $(c) 'd'"];
      await (await launch(spec("quoted", command, { env: { GREETING: "x'y \"z" } }))).exited;
      expect(linesOf("quoted")).toEqual([`a b; $(c) 'd'|x'y "z|${marker}`]);
    });

    test("writes to standard input and ends it", async () => {
      const process = await launch(spec("cat", ["cat"]));
      process.write("hello\n");
      await waitForLine("cat", "hello");
      process.write("bye\n");
      process.endInput();
      const outcome = await process.exited;
      expect(outcome).toMatchObject({ exitCode: 0, canceled: true, stdout: "hello\nbye" });
      process.write("too late\n");
    });

    test("input for a process that reads none, or ends before it has read all, harms nobody", async () => {
      const bystander = await launch(spec("bystander", MEEK));
      const deaf = await launch(spec("deaf", ["sh", "-c", "exec <&-; echo up; sleep 0.3"]));
      const dying = await launch(spec("dying", ["sh", "-c", "echo up; sleep 0.3"]));
      for (const name of ["deaf", "dying"]) await waitForLine(name, "up");
      // More than a pipe holds, so that a part of it waits.
      for (const process of [deaf, dying]) {
        process.write("x\n");
        process.write(`${"x".repeat(300_000)}\n`);
        process.endInput();
      }
      for (const process of [deaf, dying])
        expect(await process.exited).toMatchObject({ exitCode: 0, signal: null });
      expect(await bystander.stop({ graceMs: 1000 })).toMatchObject({ signal: "SIGTERM" });
    });

    test("samples the host and its processes while one runs, under their names", async () => {
      const process = await launch(spec("sampled", MEEK));
      const samples = () =>
        events.flatMap((event) => (event.kind === "sample" ? [event.sample] : []));
      await waitUntil(() => samples().length >= 3, { limitMs: 10_000, what: "three samples" });
      await process.stop({ graceMs: 1000 });
      const taken = samples();
      for (const [index, sample] of taken.entries()) {
        expect(BigInt(sample.atNs)).toBeGreaterThan(BigInt(taken[index - 1]?.atNs ?? 0));
        expect(sample.cpuCount).toBeGreaterThan(0);
        for (const { process: sampled, pid } of sample.processes) {
          expect({ sampled, pid }).toEqual({ sampled: "sampled", pid: process.pid });
        }
      }
      const before = events.length;
      await Bun.sleep(300);
      expect(events.slice(before)).toEqual([]);
    });

    test("a program that does not exist is an outcome, not an exception", async () => {
      const result = await host.launch(spec("ghost", ["/no/such/program", "--flag"]));
      expect(result.ok).toBe(false);
      if (result.ok) return;
      expect(result.error).toMatchObject({
        name: "ghost",
        pid: null,
        exitCode: null,
        command: ["/no/such/program", "--flag"],
      });
      expect(result.error.cause).toContain("/no/such/program");
    });

    test("a log file that cannot be opened fails the launch with its path", async () => {
      const logPath = join(folder, "missing", "x.log");
      const result = await host.launch(spec("x", ["true"], { logPath }));
      expect(result.ok ? null : result.error.cause).toContain(logPath);
    });

    test("refuses a name that is in use, and takes it again once it is free", async () => {
      const first = await launch(spec("twin", MEEK));
      const second = await host.launch(spec("twin", MEEK));
      expect(second.ok ? null : second.error.cause).toContain("twin");
      await first.stop({ graceMs: 1000 });
      const third = await launch(spec("twin", ["true"]));
      expect((await third.exited).exitCode).toBe(0);
    });

    test("stop sends SIGTERM, and SIGKILL to the group after the grace", async () => {
      const meek = await launch(spec("meek", MEEK));
      await waitForLine("meek", "up");
      expect(await meek.stop({ graceMs: 10_000 })).toMatchObject({
        signal: "SIGTERM",
        exitCode: null,
        timedOut: false,
        canceled: true,
      });
      const stubborn = await launch(spec("stubborn", IGNORES_TERM));
      await waitForLine("stubborn", "up");
      expect(await stubborn.stop({ graceMs: 50 })).toMatchObject({
        signal: "SIGKILL",
        timedOut: true,
        canceled: true,
      });
    });

    test("sees a process that is killed from outside", async () => {
      const process = await launch(spec("victim", ["sh", "-c", "echo up; kill -9 $$"]));
      expect(await process.exited).toMatchObject({
        signal: "SIGKILL",
        exitCode: null,
        canceled: false,
      });
    });

    test("lists what runs, forked children too", async () => {
      const process = await launch(spec("parent", ["sh", "-c", "sleep 1000 & echo up; wait"]));
      await waitForLine("parent", "up");
      const listed = await host.list();
      expect(listed.find(({ name: listedName }) => listedName === "parent")?.pid).toBe(process.pid);
      expect(listed.filter(({ command }) => command === "sleep 1000")).toHaveLength(1);
      await host.endAll({ graceMs: 1000 });
      expect(await host.list()).toEqual([]);
    });

    for (const [kind, command] of Object.entries(STUBBORN)) {
      testPart(
        "processes on this machine",
        `endAll leaves nothing of a child that ${kind}`,
        async () => {
          await launch(spec("hard", command));
          await waitForLine("hard", "up");
          const report = await host.endAll({ graceMs: 100 });
          expect(report.survivors).toEqual([]);
          expect(report.ended).toBeGreaterThan(0);
          expect(await host.list()).toEqual([]);
          // The supervisor itself carries the marker; nothing else may.
          expect(markedProcesses(marker)).toHaveLength(1);
        },
      );
    }

    testPart(
      "orphans without environment",
      "endAll finds an orphan that cleared its environment",
      async () => {
        const process = await launch(spec("bare", FORKS_TWICE_WITHOUT_ENVIRONMENT));
        await process.exited;
        await waitForLine("bare", "up").catch(() => undefined);
        expect((await host.list()).length).toBeGreaterThan(0);
        expect((await host.endAll({ graceMs: 100 })).survivors).toEqual([]);
        expect(await host.list()).toEqual([]);
      },
    );

    testPart(
      "processes on this machine",
      "close ends everything, the supervisor too, and can be repeated",
      async () => {
        for (const [index, command] of Object.values(STUBBORN).entries()) {
          await launch(spec(`p${index}`, command));
          await waitForLine(`p${index}`, "up");
        }
        expect((await host.close()).survivors).toEqual([]);
        expect(markedProcesses(marker)).toEqual([]);
        expect((await host.close()).survivors).toEqual([]);
        const late = await host.launch(spec("late", ["true"]));
        expect(late.ok).toBe(false);
      },
    );
  });
};
