/** The supervisor as a program: what it does while its runner does not read. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { LineSplitter } from "#remote/line-splitter.ts";
import { formatMessage, parseEvent, type SupervisorCommand } from "#remote/protocol.ts";

const PROGRAM = resolve(import.meta.dir, "../../src/remote/supervisor.ts");
/** Of 1000 characters each: several times what the supervisor keeps for a runner that does not read. */
const OUTPUT_LINES = 40_000;
const LINE_BYTES = 1001;
/** How long nobody reads once the output has been written. */
const STALL_MS = 1000;

/** A supervisor whose output nobody reads until there is a file of that name. */
const startUnread = (goAhead: string) =>
  Bun.spawn(
    [
      "/bin/sh",
      "-c",
      `"$0" "$1" | { until [ -e "$2" ]; do sleep 0.05; done; exec cat; }`,
      process.execPath,
      PROGRAM,
      goAhead,
    ],
    { stdin: "pipe", stdout: "pipe", env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" } },
  );

test("a runner that stops reading misses samples, which a gap shows; what waits for it is bounded", async () => {
  const folder = mkdtempSync(join(tmpdir(), "escapement-supervisor-"));
  const goAhead = join(folder, "go-ahead");
  const pipeline = startUnread(goAhead);
  const say = (command: SupervisorCommand): void => {
    void pipeline.stdin.write(formatMessage(command));
    void pipeline.stdin.flush();
  };
  const script = `head -c ${OUTPUT_LINES}000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo; exec sleep 1000`;
  const marker = `unread-${crypto.randomUUID()}`;
  try {
    // The output may begin to pile up before the first sample is taken.
    const instants = [BigInt(Date.now()) * 1_000_000n];
    say({ op: "open", marker, lease_ms: 0, grace_ms: 100, env: {} });
    const log_path = join(folder, "talker.log");
    const command = ["/bin/sh", "-c", script];
    say({ op: "launch", name: "talker", command, cwd: folder, env: {}, log_path });
    while ((statSync(log_path, { throwIfNoEntry: false })?.size ?? 0) < OUTPUT_LINES * LINE_BYTES)
      await Bun.sleep(50);
    await Bun.sleep(STALL_MS);
    writeFileSync(goAhead, "");
    const resumedNs = BigInt(Date.now()) * 1_000_000n;
    let lineCount = 0;
    const lines = new LineSplitter((line) => {
      const event = parseEvent(line);
      if (event.event === "line") lineCount += 1;
      if (event.event === "sample") instants.push(BigInt(event.sample.atNs));
    });
    for await (const chunk of pipeline.stdout) {
      lines.push(chunk);
      if ((instants.at(-1) ?? 0n) > resumedNs + 500_000_000n) break;
    }
    const gaps = instants.slice(1).map((at, index) => Number(at - (instants[index] ?? at)));
    expect(Math.max(...gaps)).toBeGreaterThan((STALL_MS / 2) * 1_000_000);
    // What is kept for the runner is bounded, and the log file has everything.
    expect(lineCount).toBeLessThan(OUTPUT_LINES / 2);
    const logged = readFileSync(log_path, "latin1").split("\n").length - 1;
    expect(logged).toBe(OUTPUT_LINES);
  } finally {
    // The end of its input ends the lease, which is none.
    void pipeline.stdin.end();
    await pipeline.exited;
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
