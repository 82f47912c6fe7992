/** Log files: existing logs, flushing, whole rows on a full disk, and a process that is killed. */

import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LogFile, type LogFileOptions } from "#host/log-file.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "escapement-log-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const open = (options: Partial<LogFileOptions> = {}): LogFile => {
  const opened = LogFile.open({ dir, name: "log.tsv", header: "a\tb", ...options });
  if (!opened.ok) throw new Error(opened.reason);
  return opened.log;
};
const text = (name = "log.tsv"): string => readFileSync(join(dir, name), "utf8");

describe("opening", () => {
  test("the header is there at once", () => {
    const log = open();
    expect(text()).toBe("a\tb\n");
    expect(log.close()).toBe(0);
  });

  test("a log that exists is moved aside with its time, twice if need be", () => {
    const time = new Date("2026-11-23T02:00:00.750Z");
    for (const content of ["first", "second", "third"]) {
      writeFileSync(join(dir, "log.tsv"), content);
      utimesSync(join(dir, "log.tsv"), time, time);
      open().close();
    }
    expect(readdirSync(dir).toSorted()).toEqual([
      "log.2026-11-23T02-00-00Z-2.tsv",
      "log.2026-11-23T02-00-00Z-3.tsv",
      "log.2026-11-23T02-00-00Z.tsv",
      "log.tsv",
    ]);
    expect(text("log.2026-11-23T02-00-00Z.tsv")).toBe("first");
    expect(text("log.2026-11-23T02-00-00Z-2.tsv")).toBe("second");
    expect(text("log.2026-11-23T02-00-00Z-3.tsv")).toBe("third");
    expect(text()).toBe("a\tb\n");
  });

  test("says where it moved the older log", () => {
    open().close();
    const opened = LogFile.open({ dir, name: "log.tsv", header: "a" });
    expect(opened.ok && opened.movedTo).toStartWith(join(dir, "log.20"));
  });

  test("a missing directory is a reason, and is not created", () => {
    const missing = join(dir, "nowhere");
    expect(LogFile.open({ dir: missing, name: "log.tsv", header: "a" })).toEqual({
      ok: false,
      reason: `directory ${missing} does not exist`,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  test("a file in place of the directory is a reason", () => {
    writeFileSync(join(dir, "file"), "");
    expect(LogFile.open({ dir: join(dir, "file"), name: "log.tsv", header: "a" })).toEqual({
      ok: false,
      reason: `${join(dir, "file")} is not a directory`,
    });
  });

  // Root may write anywhere on a normal file system; /proc takes files from nobody.
  test("an unwritable directory is a reason", () => {
    const opened = LogFile.open({ dir: "/proc/self", name: "log.tsv", header: "a" });
    expect(opened.ok).toBe(false);
    expect(!opened.ok && opened.reason).toStartWith("cannot write /proc/self/log.tsv: ");
  });
});

describe("rows", () => {
  test("reach the file within a second without another row", () => {
    jest.useFakeTimers();
    try {
      const log = open();
      log.append("1\t2");
      log.append("3\t4");
      expect(text()).toBe("a\tb\n");
      jest.advanceTimersByTime(999);
      expect(text()).toBe("a\tb\n1\t2\n3\t4\n");
      expect(log.rows).toBe(2);
      log.append("5\t6");
      jest.advanceTimersByTime(999);
      expect(text()).toBe("a\tb\n1\t2\n3\t4\n5\t6\n");
      expect(jest.getTimerCount()).toBe(0);
      expect(log.close()).toBe(3);
    } finally {
      jest.useRealTimers();
    }
  });

  test("closing writes what waits, once, and later rows count as lost", () => {
    const log = open();
    log.append("1\tä");
    expect(log.close()).toBe(1);
    log.append("lost");
    expect(log.close()).toBe(1);
    expect(log.lostRows).toBe(1);
    expect(text()).toBe("a\tb\n1\tä\n");
  });

  test("many rows go out before the timer, in order", () => {
    const log = open();
    const rows = Array.from({ length: 50_000 }, (_, index) => `${index}\t${index * 7}`);
    for (const row of rows) log.append(row);
    expect(log.rows).toBeGreaterThan(10_000);
    // After a burst, rows wait and go out together again.
    log.flush();
    log.append("0\t0");
    expect(log.rows).toBe(50_000);
    expect(log.close()).toBe(50_001);
    expect(text()).toBe(`a\tb\n${rows.join("\n")}\n0\t0\n`);
  });
});

test("a process killed with -9 leaves all rows up to the last flush, and no torn one", async () => {
  const module = fileURLToPath(new URL("../../src/host/log-file.ts", import.meta.url));
  const script = join(dir, "writer.ts");
  writeFileSync(
    script,
    `import { LogFile } from ${JSON.stringify(module)};
     const opened = LogFile.open({ dir: ${JSON.stringify(dir)}, name: "log.tsv", header: "a\\tb" });
     if (!opened.ok) throw new Error(opened.reason);
     const append = (from: number, to: number) => {
       for (let i = from; i < to; i++) opened.log.append(i + "\\t" + "x".repeat(i % 90));
     };
     append(0, 20_000);
     opened.log.flush();
     append(20_000, 20_010);
     console.log("flushed");
     setInterval(() => {}, 1_000);`,
  );
  await using writer = Bun.spawn([process.execPath, script], { stdout: "pipe" });
  for await (const chunk of writer.stdout) if (chunk.length > 0) break;
  writer.kill("SIGKILL");
  await writer.exited;
  const lines = text().split("\n");
  expect(lines.at(-1)).toBe("");
  expect(lines.length - 2).toBeGreaterThanOrEqual(20_000);
  lines.slice(1, -1).forEach((line, i) => {
    if (line !== `${i}\t${"x".repeat(i % 90)}`) throw new Error(`row ${i} is ${line}`);
  });
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

  test("keeps whole rows, says so once, counts the rest, and never throws", () => {
    const reasons: string[] = [];
    const log = open({ dir: small, onStopped: (reason) => reasons.push(reason) });
    const row = (i: number): string => `${i}\t${"y".repeat(97)}`;
    const appended = 2_000;
    for (let i = 0; i < appended; i++) {
      log.append(row(i));
      if (i % 100 === 99) log.flush();
    }
    const kept = log.close();
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain(`${small}/log.tsv: no space left on the device`);
    // 64 KiB hold at least 500 rows of about 101 bytes.
    expect(kept).toBeGreaterThan(500);
    expect(log.lostRows).toBe(appended - kept);
    const expected = Array.from({ length: kept }, (_, i) => `${row(i)}\n`).join("");
    expect(readFileSync(join(small, "log.tsv"), "utf8")).toBe(`a\tb\n${expected}`);
  });

  test("no room even for the header: a reason, and no empty log is left", () => {
    writeFileSync(join(small, "ballast"), new Uint8Array(64 * 1024));
    const opened = LogFile.open({ dir: small, name: "log.tsv", header: "a\tb" });
    expect(opened.ok).toBe(false);
    expect(!opened.ok && opened.reason).toContain("no space left on the device");
    expect(readdirSync(small)).toEqual(["ballast"]);
  });
});

describe("rows as bytes", () => {
  const encoder = new TextEncoder();
  const append = (log: LogFile, row: string): void => {
    const bytes = encoder.encode(`${row}\n`);
    log.appendBytes(bytes.length, (target, offset) => {
      target.set(bytes, offset);
      return offset + bytes.length;
    });
  };

  test("are written whole, whatever their length, and in order with others", () => {
    const log = open();
    const rows = [
      ...Array.from({ length: 5000 }, (_, index) => `${index}\t${"x".repeat(index % 300)}`),
      "y".repeat(600_000),
      "z",
    ];
    for (const [index, row] of rows.entries()) {
      if (index % 1000 < 3) log.append(row);
      else append(log, row);
    }
    expect(log.close()).toBe(rows.length);
    expect(text()).toBe(`a\tb\n${rows.join("\n")}\n`);
    append(log, "too late");
    expect(log.lostRows).toBe(1);
  });

  test("reach the file within a second", () => {
    jest.useFakeTimers();
    try {
      const log = open();
      append(log, "1\t2");
      expect(text()).toBe("a\tb\n");
      jest.advanceTimersByTime(1000);
      expect(text()).toBe("a\tb\n1\t2\n");
      log.close();
    } finally {
      jest.useRealTimers();
    }
  });
});
