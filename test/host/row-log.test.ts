/** Logs written off the event loop: order, whole rows on a full disk, bounded memory, and closing. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RowLog, type RowLogOptions } from "#host/row-log.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "escapement-row-log-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const open = (options: Partial<RowLogOptions> = {}): RowLog => {
  const opened = RowLog.open({ dir, name: "log.tsv", header: "a\tb", ...options });
  if (!opened.ok) throw new Error(opened.reason);
  return opened.log;
};

const text = (folder = dir): string => readFileSync(join(folder, "log.tsv"), "utf8");

const encoder = new TextEncoder();
const append = (log: RowLog, row: string): void =>
  log.append(row.length * 3 + 1, (target, offset) => {
    const { written } = encoder.encodeInto(`${row}\n`, target.subarray(offset));
    return offset + written;
  });

test("the header is there at once, and an older log is moved aside", async () => {
  writeFileSync(join(dir, "log.tsv"), "older");
  const opened = RowLog.open({ dir, name: "log.tsv", header: "a\tb" });
  expect(opened.ok && opened.movedTo).toStartWith(join(dir, "log.20"));
  expect(text()).toBe("a\tb\n");
  expect(opened.ok && (await opened.log.close())).toBe(0);
});

test("a folder that is not there is a reason", () => {
  const missing = join(dir, "nowhere");
  expect(RowLog.open({ dir: missing, name: "log.tsv", header: "a" })).toEqual({
    ok: false,
    reason: `directory ${missing} does not exist`,
  });
});

test("rows reach the file without another row", async () => {
  const log = open();
  append(log, "1\t2");
  append(log, "3\t4");
  const deadline = performance.now() + 20_000;
  while (log.rows < 2 && performance.now() < deadline) await Bun.sleep(20);
  expect(text()).toBe("a\tb\n1\t2\n3\t4\n");
  expect(await log.close()).toBe(2);
});

test("settling puts what waits into the file; after closing rows count as lost", async () => {
  const log = open();
  append(log, "1\tä");
  await log.settle();
  expect(text()).toBe("a\tb\n1\tä\n");
  await log.settle();
  append(log, "2\tb");
  expect(await log.close()).toBe(2);
  append(log, "lost");
  expect(await log.close()).toBe(2);
  expect(log.lostRows).toBe(1);
  expect(text()).toBe("a\tb\n1\tä\n2\tb\n");
});

test("many rows, and some longer than a block, come in order", async () => {
  const log = open();
  const rows = Array.from({ length: 30_000 }, (_, i) =>
    i % 10_000 === 5000 ? "x".repeat(100_000) : `${i}\t${i * 7}`,
  );
  for (const [index, row] of rows.entries()) {
    append(log, row);
    // Blocks are written while others fill.
    if (index % 7000 === 0) await Bun.sleep(1);
  }
  expect(await log.close()).toBe(rows.length);
  expect(text()).toBe(`a\tb\n${rows.join("\n")}\n`);
});

test("a disk that falls too far behind stops the log, which keeps whole rows and counts the others", async () => {
  const reasons: string[] = [];
  const log = open({ waitingBytesMax: 200_000, onStopped: (reason) => reasons.push(reason) });
  // Nothing is written before the event loop has a turn, so all of it waits.
  for (let i = 0; i < 20_000; i++) append(log, `${i}\t${"y".repeat(40)}`);
  const kept = await log.close();
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toContain("the disk is too slow: 0 MiB wait to be written");
  expect(log.lostRows).toBe(20_000 - kept);
  const expected = Array.from({ length: kept }, (_, i) => `${i}\t${"y".repeat(40)}\n`).join("");
  expect(text()).toBe(`a\tb\n${expected}`);
});

const canMount = process.platform === "linux" && process.getuid?.() === 0;
if (!canMount) console.warn("SKIPPED: a really full disk needs root to mount a small tmpfs");

describe.skipIf(!canMount)("a full disk", () => {
  let small = "";
  beforeEach(() => {
    small = join(dir, "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
  });
  afterEach(() => {
    execFileSync("umount", [small]);
  });

  test.each([10, 700, 100_000])(
    "keeps whole rows, says so once and counts the rest (settled every %p rows)",
    async (every) => {
      const reasons: string[] = [];
      const log = open({ dir: small, onStopped: (reason) => reasons.push(reason) });
      const row = (i: number): string => `${i}\t${"y".repeat(97)}`;
      for (let i = 0; i < 2000; i++) {
        append(log, row(i));
        if (i % every === every - 1) await log.settle();
      }
      const kept = await log.close();
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).toContain(`${small}/log.tsv: no space left on the device`);
      expect(kept).toBeGreaterThan(500);
      expect(log.lostRows).toBe(2000 - kept);
      const expected = Array.from({ length: kept }, (_, i) => `${row(i)}\n`).join("");
      expect(text(small)).toBe(`a\tb\n${expected}`);
    },
  );
});
