/** The pure parts of the fault suite: what it draws, damages and counts, and when a run is clean. */
import { describe, expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { CLEAN_BOUNDS, uncleanReasons } from "../../scripts/faults/clean-rule.ts";
import { LinkDirection, NO_IMPAIRMENT } from "../../scripts/faults/impairment.ts";
import {
  type Disturbance,
  disturbanceOf,
  parsePressure,
  parseSteal,
} from "../../scripts/faults/kernel-counters.ts";
import { redirectClient } from "../../scripts/faults/link.ts";
import {
  cutWithinRow,
  deleteRows,
  embellish,
  flipBits,
  repeatRows,
} from "../../scripts/faults/log-damage.ts";
import { parseRecords, type TrialRecord } from "../../scripts/faults/records.ts";
import { SET_A } from "../../scripts/faults/set-a.ts";
import { SET_B } from "../../scripts/faults/set-b.ts";
import { trialSeed } from "../../scripts/faults/suite.ts";
import {
  formatClean,
  formatFaults,
  isGoodEnough,
  isQuietEnough,
  medianEvidence,
  tallyOf,
} from "../../scripts/faults/table.ts";
import { withoutArtefacts } from "../../scripts/faults/verdict-file.ts";

const KINDS = [...SET_A, ...SET_B];

const quiet: Disturbance = {
  spanMs: 3000,
  cpuPressureUs: 0,
  memoryPressureUs: 0,
  ioPressureUs: 0,
  stealMs: 0,
};

const record = (changes: Partial<TrialRecord> = {}): TrialRecord => ({
  kind: "client-stopped",
  set: "A",
  trial: 0,
  suite_seed: 1,
  seed: 2,
  detail: "client0 stopped for 300 ms at 500 ms",
  not_injected: "",
  verdict: "INVALID",
  findings: [{ kind: "role-stopped", severity: "invalid", evidence: "seen stopped", observed: 3 }],
  is_expected: true,
  disturbance: quiet,
  unclean: [],
  wall_ms: 5000,
  revision: "",
  at_ms: 0,
  ...changes,
});

const missed = { verdict: "VALID", findings: [], is_expected: false };
const clean = (changes: Partial<TrialRecord> = {}): TrialRecord =>
  record({ kind: "clean", set: "clean", ...missed, ...changes });

describe("kinds of faults", () => {
  test("have names of their own, and expect something", () => {
    const names = KINDS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const set of [SET_A, SET_B]) expect(set.length).toBeGreaterThanOrEqual(12);
    expect(KINDS.filter(({ expects }) => expects.length === 0)).toEqual([]);
  });

  test("draw the same from the same seed, and something else from another", () => {
    for (const kind of KINDS) {
      const detailOf = (seed: number): string => kind.draw(Rng.of(seed, "fault")).detail;
      expect(detailOf(5)).toBe(detailOf(5));
      const seeds = Array.from({ length: 30 }, (_, trial) => trialSeed(1, kind.name, trial));
      expect(new Set(seeds).size).toBe(30);
      expect(new Set(seeds.map(detailOf)).size).toBeGreaterThan(1);
    }
  });
});

describe("damage to a log", () => {
  const log = "a\tb\n1\t10\n2\t20\n3\t30\n4\t40\n";

  test("cuts within a row, wherever it is told to", () => {
    for (const share of [0, 0.2, 0.5, 0.95]) {
      const cut = cutWithinRow(log, share);
      expect(log.startsWith(cut)).toBe(true);
      expect(cut.length).toBeLessThan(log.length);
      expect(cut.endsWith("\n")).toBe(false);
      expect(cut.startsWith("a\tb\n1\t10\n")).toBe(true);
    }
    expect(() => cutWithinRow("a\tb\n", 0.5)).toThrow("no row");
  });

  test("deletes whole rows and keeps the header", () => {
    expect(deleteRows(log, 0.25, 2)).toBe("a\tb\n1\t10\n4\t40\n");
    expect(deleteRows(log, 0.9, 2)).toBe("a\tb\n1\t10\n2\t20\n");
    expect(() => deleteRows(log, 0.5, 4)).toThrow("no more than 4 rows");
  });
});

test("damage that keeps a log's form", () => {
  expect(repeatRows("a\n1\n2\n3\n", 0.34, 1)).toBe("a\n1\n2\n2\n3\n");
  expect(flipBits("a\n12\n34\n", [0, 0.34])).toBe("a\n02\n24\n");
  const log = "scheduled_ns\treceived_ns\n1000\t2000\n5\t\n";
  expect(embellish(log, 0.5)).toBe("scheduled_ns\treceived_ns\n1000\t1500\n5\t\n");
  expect(() => embellish("a\n", 0.5)).toThrow("no instants");
});

describe("an impaired link", () => {
  test("passes chunks at once when nothing is wrong", () => {
    const link = new LinkDirection(() => 0);
    expect(link.releaseMs(5, 1000, NO_IMPAIRMENT)).toBe(5);
  });

  test("holds up what is behind a lost chunk, in order", () => {
    const draws = [0.9, 0.01, 0.9];
    const link = new LinkDirection(() => draws.shift() ?? 1);
    const lossy = { ...NO_IMPAIRMENT, lossShare: 0.05, retransmitMs: 200 };
    expect([0, 1, 2].map((nowMs) => link.releaseMs(nowMs, 100, lossy))).toEqual([0, 201, 201]);
  });

  test("queues bytes beyond its rate", () => {
    const link = new LinkDirection(() => 1);
    const slow = { ...NO_IMPAIRMENT, bytesPerS: 1000, delayMs: 10 };
    expect([0, 0, 500].map((nowMs) => link.releaseMs(nowMs, 100, slow))).toEqual([110, 210, 610]);
  });

  test("is put between client and controller by the client's command line", () => {
    const command = ["bun", "main.ts", "clockwork", "client", "127.0.0.1:7", "--run", "a"];
    expect(redirectClient(command, "127.0.0.1:9")).toEqual({
      command: ["bun", "main.ts", "clockwork", "client", "127.0.0.1:9", "--run", "a"],
      controller: "127.0.0.1:7",
    });
    expect(() => redirectClient(["bun", "worker"], "")).toThrow("not the command line of a client");
  });
});

describe("the kernel's counters", () => {
  test("are read from its texts", () => {
    const pressure =
      "some avg10=0.57 avg60=1.01 avg300=1.91 total=3414651335\nfull avg10=0.00 total=7\n";
    expect(parsePressure(pressure)).toBe(3_414_651_335);
    expect(parsePressure(null)).toBeNull();
    expect(parseSteal("cpu  812258 25806 199409 1140853 2813 0 7954 27508 0 0\ncpu0 1 2\n")).toBe(
      275_080,
    );
    expect(parseSteal("cpu0 1 2\n")).toBeNull();
  });

  test("grow over a span, and stay unknown where the kernel does not count", () => {
    const from = { cpuPressureUs: 10, memoryPressureUs: null, ioPressureUs: 0, stealMs: 5 };
    const to = { cpuPressureUs: 30, memoryPressureUs: null, ioPressureUs: 1, stealMs: 5 };
    expect(disturbanceOf(from, to, 100)).toEqual({
      spanMs: 100,
      cpuPressureUs: 20,
      memoryPressureUs: null,
      ioPressureUs: 1,
      stealMs: 0,
    });
  });

  test("decide alone whether a run is clean", () => {
    expect(uncleanReasons(quiet)).toEqual([]);
    const atBound = quiet.spanMs * 1000 * CLEAN_BOUNDS.cpuPressureShare;
    expect(uncleanReasons({ ...quiet, cpuPressureUs: atBound })).toEqual([]);
    expect(uncleanReasons({ ...quiet, cpuPressureUs: atBound + 10 })).toHaveLength(1);
    expect(uncleanReasons({ ...quiet, stealMs: 500, ioPressureUs: 3e6 })).toHaveLength(2);
    expect(uncleanReasons({ ...quiet, stealMs: null })[0]).toContain("does not count");
    expect(uncleanReasons(null)[0]).toContain("did not get through");
  });
});

test("what the tool of an injection causes earns nothing", () => {
  const finding = (kind: string, severity: string) => ({
    kind,
    severity,
    evidence: "",
    observed: null,
  });
  const artefact = finding("role-stopped", "invalid");
  const stall = finding("loop-stall", "suspect");
  const of = (...findings: ReturnType<typeof finding>[]) =>
    withoutArtefacts({ verdict: "INVALID", findings }, ["role-stopped"]).verdict;
  expect(of(artefact)).toBe("VALID");
  expect(of(artefact, stall)).toBe("SUSPECT");
  expect(of(artefact, finding("file", "invalid"))).toBe("INVALID");
});

describe("the result", () => {
  test("counts what was injected, noticed, and noticed for the right reason", () => {
    const records = [
      record(),
      record({ trial: 1, verdict: "SUSPECT", is_expected: false }),
      record({ trial: 2, ...missed }),
      record({ trial: 3, ...missed, not_injected: "strace did not attach" }),
      record({ trial: 4, verdict: "NONE" }),
    ];
    expect(tallyOf(records)).toEqual({
      injected: 4,
      notInjected: 1,
      detected: 2,
      expected: 1,
      suspect: 1,
      invalid: 1,
    });
    const text = formatFaults(records);
    expect(text).toContain("set A: 1 kinds, 2 of 4 trials detected (50.0 %), 1 by a finding");
    expect(text).toContain("missed: client-stopped 2 (seed 2): client0 stopped");
    expect(text).toContain("not injected: client-stopped 3: strace did not attach");
  });

  test("shows the evidence of the trial in the middle", () => {
    const seen = (observed: number) =>
      record({
        findings: [{ kind: "steal", severity: "suspect", evidence: `${observed} ms`, observed }],
      });
    expect(medianEvidence([seen(9), seen(1), seen(5)])).toBe("5 ms");
    expect(medianEvidence([record(missed)])).toBe("");
  });

  test("is good enough only when each set is, and every fault was injected", () => {
    const noticed = Array.from({ length: 20 }, () => record());
    expect(isGoodEnough(noticed)).toBe(true);
    expect(isGoodEnough([...noticed.slice(1), record(missed)])).toBe(true);
    expect(isGoodEnough([...noticed.slice(2), record(missed), record(missed)])).toBe(false);
    expect(isGoodEnough([...noticed, record({ set: "B", ...missed })])).toBe(false);
    expect(isGoodEnough([...noticed, record({ not_injected: "no cc" })])).toBe(false);
  });

  test("tells false alarms from runs that were not clean", () => {
    const alarm = { verdict: "SUSPECT", findings: record().findings };
    const calm = Array.from({ length: 99 }, (_, trial) => clean({ trial }));
    const noisy = clean({ ...alarm, unclean: ["some task waited for a processor"] });
    expect(isQuietEnough([...calm, noisy])).toBe(true);
    expect(isQuietEnough([...calm, clean(alarm)])).toBe(true);
    expect(isQuietEnough([...calm, clean(alarm), clean(alarm)])).toBe(false);
    const text = formatClean([...calm, noisy, clean({ ...alarm, trial: 7 })]);
    expect(text).toContain("false alarm: run 7 is SUSPECT: role-stopped (seen stopped)");
    expect(text).toContain("clean runs: 100, 1 rejected by the rule, 1 false alarms (1.0 %)");
  });

  test("is read back from its lines, but for one that was cut off", () => {
    const line = JSON.stringify(record());
    expect(parseRecords(`${line}\n${line}\n${line.slice(0, 9)}`)).toHaveLength(2);
    expect(() => parseRecords("{}\n{\n")).toThrow("line 2");
  });
});
