/** Both sides of every bound: at it nothing is found, just above it is. */
import { describe, expect, test } from "bun:test";
import { FACTS, FIXED, type FindingKind, RELATIVE } from "#judge/thresholds.ts";
import type { HostHealth, LoopHealth, ProcessHealth, RunAnalysis } from "#query/analysis.ts";
import type { Reconciliation, RequestTiming, SegmentRow } from "#query/evidence.ts";
import {
  durations,
  findingsOf,
  outcomesWith,
  SOUND_EVIDENCE,
  SOUND_FILE,
  SOUND_HOST,
  SOUND_LOOP,
  SOUND_PROCESS,
  SOUND_RECONCILIATION,
  SOUND_RUN,
  SOUND_SEGMENT,
  SOUND_STORED,
  SOUND_STORED_FILE,
  SOUND_STORED_PROCESS,
  SOUND_TIMES,
  SOUND_TIMING,
  SOUND_WHOLE,
} from "../support/examined-run.ts";

type Change = Partial<RunAnalysis>;

const MS = 1e6;

const times = (change: Partial<typeof SOUND_TIMES>): Change => ({
  metrics: durations({ ...SOUND_TIMES, ...change }),
});
const timing = (change: Partial<RequestTiming>): Change => ({
  evidence: { ...SOUND_EVIDENCE, timing: { ...SOUND_TIMING, ...change } },
});
const rows = (change: Partial<Reconciliation>): Change => ({
  evidence: { ...SOUND_EVIDENCE, reconciliation: { ...SOUND_RECONCILIATION, ...change } },
});
const segments = (parts: Readonly<Record<number, Partial<SegmentRow>>>): Change => ({
  evidence: {
    ...SOUND_EVIDENCE,
    segments: Array.from({ length: 10 }, (_, at) => ({ ...SOUND_SEGMENT, ...parts[at] })),
  },
});
const statuses = (errors: number): Change => ({
  evidence: {
    ...SOUND_EVIDENCE,
    actionStatuses: [
      { status: 81, count: 1000 - errors },
      { status: 2, count: errors },
    ],
  },
});
const health = (change: {
  readonly host?: Partial<HostHealth>;
  readonly process?: Partial<ProcessHealth>;
  readonly loop?: Partial<LoopHealth>;
}): Change => ({
  health: {
    hosts: [{ ...SOUND_HOST, ...change.host }],
    processes: [{ ...SOUND_PROCESS, ...change.process }],
    loops: [{ ...SOUND_LOOP, ...change.loop }],
  },
});
const expecting = (expected: number): Change => ({
  stored: { ...SOUND_STORED, expected_requests: expected },
});

/** A kind's findings with a value at the bound, above it, and above the bound of INVALID (null: there is none). */
type Case = readonly [FindingKind, at: Change, above: Change, invalid: Change | null];

// The sound run has 1000 requests in 10 s, an SLO of 100 ms, and two processors.
const CASES: readonly Case[] = [
  [
    "dropped",
    {},
    { outcomes: outcomesWith("dropped", 1) },
    { outcomes: outcomesWith("dropped", 2) },
  ],
  [
    "unknown",
    {},
    { outcomes: outcomesWith("unknown", 10) },
    { outcomes: outcomesWith("unknown", 11) },
  ],
  // At most five requests are the window's edges; 1000 due, 994 sent in it: 0.6 %; 949: 5.1 %.
  ["missed-rate", timing({ sent: 995 }), timing({ sent: 994 }), timing({ sent: 949 })],
  ["late-misses", timing({ lateMisses: 5 }), timing({ lateMisses: 6 }), timing({ lateMisses: 51 })],
  ["expected-share", expecting(1000.9), expecting(1001), expecting(1002)],
  ["rows-lost", {}, rows({ clientGaps: 1 }), rows({ clientGaps: 2 })],
  ["rows-lost", {}, rows({ requestGaps: 1 }), rows({ requestGaps: 2 })],
  ["rows-lost", {}, rows({ onlyOk: 1 }), rows({ onlyOk: 2 })],
  ["rows-lost", {}, rows({ onlyBatched: 1 }), rows({ onlyBatched: 2 })],
  ["duplicates", {}, rows({ clientDoubles: 1 }), rows({ clientDoubles: 2 })],
  ["duplicates", {}, rows({ requestDoubles: 1 }), rows({ actionDoubles: 2 })],
  ["duplicates", {}, rows({ batchDoubles: 1 }), rows({ batchDoubles: 2 })],
  [
    "foreign-traffic",
    rows({ connections: 1 }),
    { ...rows({ connections: 2 }), whole: { ...SOUND_WHOLE, controllerRequests: 1010 } },
    { ...rows({ connections: 2 }), whole: { ...SOUND_WHOLE, controllerRequests: 1011 } },
  ],
  [
    "server-errors",
    { outcomes: outcomesWith("fail", 500, 8) },
    { outcomes: outcomesWith("fail", 10, 2) },
    { outcomes: outcomesWith("fail", 11, 2) },
  ],
  ["server-errors", statuses(0), statuses(10), statuses(11)],
  [
    "generator-cpu",
    health({ loop: { busyNs: 7.2e9 } }),
    health({ loop: { busyNs: 7.3e9 } }),
    health({ loop: { busyNs: 8.6e9 } }),
  ],
  [
    "run-delay",
    health({ process: { runDelayNs: 2.5e9 } }),
    health({ process: { runDelayNs: 2.6e9 } }),
    health({ process: { runDelayNs: 7.6e9 } }),
  ],
  // Of 2 × 10 s.
  [
    "steal",
    health({ host: { stealNs: 0.4e9 } }),
    health({ host: { stealNs: 0.41e9 } }),
    health({ host: { stealNs: 4.1e9 } }),
  ],
  [
    "cpu-pressure",
    health({ host: { cpuPressureNs: 2.5e9 } }),
    health({ host: { cpuPressureNs: 2.6e9 } }),
    null,
  ],
  [
    "throttled",
    health({ host: { throttledNs: 0.1e9 } }),
    health({ host: { throttledNs: 0.11e9 } }),
    health({ host: { throttledNs: 1.1e9 } }),
  ],
  [
    "memory-pressure",
    health({ host: { memoryPressureNs: 0.2e9 } }),
    health({ host: { memoryPressureNs: 0.21e9 } }),
    health({ host: { memoryPressureNs: 2.1e9 } }),
  ],
  [
    "io-pressure",
    health({ host: { ioPressureNs: 3e9 } }),
    health({ host: { ioPressureNs: 3.1e9 } }),
    null,
  ],
  [
    "major-faults",
    health({ process: { majorFaults: 100 } }),
    health({ process: { majorFaults: 101 } }),
    null,
  ],
  [
    "sampler-gap",
    health({ host: { sampleGapMaxNs: 300 * MS } }),
    health({ host: { sampleGapMaxNs: 301 * MS } }),
    null,
  ],
  [
    "clock-step",
    health({ host: { clockStepMaxNs: 5 * MS } }),
    health({ host: { clockStepMaxNs: 5.1 * MS } }),
    null,
  ],
  [
    "send-lateness",
    times({ send_lateness_p99: 10 * MS }),
    times({ send_lateness_p99: 10.1 * MS }),
    times({ send_lateness_p99: 50.1 * MS }),
  ],
  [
    "send-lateness-max",
    times({ send_lateness_max: 50 * MS }),
    times({ send_lateness_max: 50.1 * MS }),
    null,
  ],
  [
    "send-burst",
    timing({ worstSecondTenthNs: 10 * MS }),
    timing({ worstSecondTenthNs: 10.1 * MS }),
    null,
  ],
  // The fastest way took 0.05 ms.
  [
    "receive-lateness",
    times({ receive_lateness_p99: 10.05 * MS }),
    times({ receive_lateness_p99: 10.06 * MS }),
    times({ receive_lateness_p99: 50.06 * MS }),
  ],
  [
    "receive-lateness-max",
    times({ receive_lateness_max: 50.05 * MS }),
    times({ receive_lateness_max: 50.06 * MS }),
    null,
  ],
  [
    "loop-stall",
    health({ loop: { stallMaxNs: 50 * MS } }),
    health({ loop: { stallMaxNs: 50.1 * MS } }),
    null,
  ],
  [
    "gc-pause",
    health({ loop: { gcPauseMaxNs: 25 * MS } }),
    health({ loop: { gcPauseMaxNs: 25.1 * MS } }),
    null,
  ],
  [
    "run-delay-max",
    health({ process: { runDelayMaxNs: 50 * MS } }),
    health({ process: { runDelayMaxNs: 50.1 * MS } }),
    null,
  ],
  // Half of the round trip of 0.1 ms may be the measurement's own error.
  [
    "clock-error",
    health({ loop: { clockDeltaNs: -2.05 * MS } }),
    health({ loop: { clockDeltaNs: -2.06 * MS } }),
    health({ loop: { clockDeltaNs: 50.06 * MS } }),
  ],
  [
    "clock-error",
    rows({ outMedianNs: -2 * MS }),
    rows({ outMedianNs: -2.1 * MS }),
    rows({ backMedianNs: -51 * MS }),
  ],
  // Half of a round trip of 4 ms is 2 ms.
  [
    "clock-error",
    health({ loop: { roundTripNs: 4 * MS } }),
    health({ loop: { roundTripNs: 4.1 * MS } }),
    health({ loop: { roundTripNs: 101 * MS } }),
  ],
  ["impossible-instants", {}, timing({ impossible: 1 }), timing({ impossible: 2 })],
  // The median is 0.05 ms.
  ["request-delay", rows({ outP99Ns: 50.05 * MS }), rows({ outP99Ns: 50.06 * MS }), null],
  [
    "stopped-early",
    { stored: { ...SOUND_STORED, stopped: null } },
    { stored: { ...SOUND_STORED, stopped: { at_ns: "1", rule: "errorBudget", evidence: "x" } } },
    null,
  ],
  ["role-stopped", {}, {}, health({ process: { stoppedSamples: 1 } })],
  ["run-not-done", {}, {}, { stored: { ...SOUND_STORED, state: "interrupted" } }],
  ["no-requests", {}, {}, { outcomes: [], stored: { ...SOUND_STORED, expected_requests: null } }],
  ["file", {}, {}, { files: [{ ...SOUND_FILE, mismatches: ["12 bytes, 13 when collected"] }] }],
  ["file", {}, {}, { files: [{ ...SOUND_FILE, tornBytes: 1 }] }],
  [
    "file",
    {},
    {},
    {
      stored: {
        ...SOUND_STORED,
        files: [{ ...SOUND_STORED_FILE, path: "telemetry/batch_log.tsv" }],
      },
    },
  ],
  // Twice the median of the second half, and a tenth of the SLO above it: 5 ms become 15 ms, and 20 ms become 40 ms.
  [
    "warm-up",
    segments({ 0: { latencyP50Ns: 15 * MS } }),
    segments({ 0: { latencyP50Ns: 15.1 * MS } }),
    null,
  ],
  [
    "warm-up",
    segments({ 0: { latencyP50Ns: 40 * MS }, 8: { latencyP50Ns: 20 * MS } }),
    segments({ 0: { latencyP50Ns: 40.1 * MS }, 8: { latencyP50Ns: 20 * MS } }),
    null,
  ],
  ["warm-up", segments({ 0: { good: 90 } }), segments({ 0: { good: 89 } }), null],
  // One part of the second half is as bad: that is how the system is.
  ["warm-up", segments({ 0: { good: 50 }, 7: { good: 60 } }), segments({ 0: { good: 50 } }), null],
  ["cold-starts", segments({ 0: { cold: 5 } }), segments({ 0: { cold: 6 } }), null],
  // A system that thrashes has cold starts throughout: 7 % at the start against 10 of 500 is less than four times.
  [
    "cold-starts",
    segments({ 0: { cold: 7 }, 6: { cold: 10 } }),
    segments({ 0: { cold: 9 }, 6: { cold: 10 } }),
    null,
  ],
  ["dialect", {}, { dialect: { dialect: "original", reason: "", isDecided: false } }, null],
  ["evidence", {}, { health: null }, null],
  ["evidence", {}, health({ host: { samples: 1 } }), null],
];

const only = (found: readonly string[], kind: FindingKind): readonly string[] =>
  found.filter((text) => text.endsWith(` ${kind}`));

describe("bounds", () => {
  for (const [index, [kind, at, above, invalid]] of CASES.entries()) {
    test(`${kind} (${index})`, () => {
      expect(only(findingsOf(at), kind)).toEqual([]);
      if (invalid !== null) expect(only(findingsOf(invalid), kind)).toEqual([`invalid ${kind}`]);
      if (Object.keys(above).length > 0) {
        expect(only(findingsOf(above), kind)).toEqual([`suspect ${kind}`]);
      }
    });
  }

  test("every kind of finding is in the table", () => {
    const tried = new Set(CASES.map(([kind]) => kind));
    const elsewhere = ["expected-sigmas"];
    const all = [...Object.keys(FIXED), ...Object.keys(RELATIVE), ...Object.keys(FACTS)];
    expect([...tried, ...elsewhere].toSorted()).toEqual(all.toSorted());
  });

  test("no bound of INVALID lies below the one of SUSPECT", () => {
    for (const { suspect, invalid } of Object.values(FIXED)) {
      if (invalid !== null) expect(invalid).toBeGreaterThan(suspect);
    }
    for (const { shareOfSlo, floorNs, invalid } of Object.values(RELATIVE)) {
      if (invalid === null) continue;
      expect(invalid.shareOfSlo).toBeGreaterThan(shareOfSlo);
      expect(invalid.floorNs).toBeGreaterThan(floorNs);
    }
  });
});

describe("detectors", () => {
  test("sending late is measured against a tenth of the SLO, and never less than 0.5 ms", () => {
    const late = (lateMs: number, sloMs: number) =>
      findingsOf(times({ send_lateness_p99: lateMs * MS }), { sloNs: sloMs * MS });
    expect(late(2, 20)).toEqual([]);
    expect(late(2, 19)).toEqual(["suspect send-lateness"]);
    expect(late(2, 5)).toEqual(["suspect send-lateness"]);
    expect(late(2.6, 5)).toEqual(["invalid send-lateness"]);
    expect(late(0.5, 1)).toEqual([]);
    expect(late(0.6, 1)).toEqual(["suspect send-lateness"]);
  });

  test("a stall of 300 ms in 10 s is found even under an SLO of 1 s", () => {
    // 100/s: 30 requests of 1000 are 300 ms to 0 ms late, so p99 is 200 ms; of its second, a tenth by 200 ms or more.
    const stalled = {
      ...times({ send_lateness_p99: 90 * MS, send_lateness_max: 300 * MS }),
      ...timing({ worstSecondTenthNs: 200 * MS }),
    };
    expect(findingsOf(stalled, { sloNs: 1000 * MS })).toEqual(["suspect send-burst"]);
  });

  test("a trend is no evidence where the load changes by itself; cold starts are", () => {
    const worse = segments({ 0: { latencyP50Ns: 50 * MS, good: 10, cold: 50 } });
    expect(findingsOf(worse)).toEqual(["suspect warm-up", "suspect cold-starts"]);
    expect(findingsOf(worse, { isSteady: false })).toEqual(["suspect cold-starts"]);
  });

  test("a number of requests that is drawn may be off the further, the burstier its load is", () => {
    // 300 off 1300: 8.3 standard deviations of a Poisson count, 2.1 where gaps have a CV of 4.
    const found = (countDispersion: number | null) =>
      findingsOf(expecting(1300), { isExpectedExact: false, countDispersion });
    expect(found(1)).toEqual(["suspect expected-sigmas"]);
    expect(found(16)).toEqual([]);
    expect(found(null)).toEqual([]);
  });

  test("a window of few requests says nothing of its beginning", () => {
    const few = segments({ 0: { scheduled: 19, latencyP50Ns: 50 * MS } });
    expect(findingsOf(few)).toEqual([]);
  });

  test("between hosts half of the round trip is what clocks can be off by", () => {
    const loop = { clockDeltaNs: 900 * MS, roundTripNs: 5 * MS };
    const two = health({ loop }).health;
    const hosts = [SOUND_HOST, { ...SOUND_HOST, host: "bench2" }];
    const found = findingsOf({
      health: { hosts, processes: [SOUND_PROCESS], loops: two?.loops ?? [] },
    });
    expect(found).toEqual(["suspect clock-error"]);
    expect(findingsOf(health({ loop }))).toEqual(["invalid clock-error"]);
  });

  test("requests that stay unanswered are not lost at the controller, and their numbers no gaps", () => {
    const unanswered = {
      ...rows({ requestGaps: 5 }),
      whole: { ...SOUND_WHOLE, unknown: 5, controllerRequests: 995 },
    };
    expect(findingsOf(unanswered)).toEqual([]);
  });

  test("every role that was started must have been watched", () => {
    const processes = [
      { ...SOUND_STORED_PROCESS, name: "client0" },
      { ...SOUND_STORED_PROCESS, name: "worker0" },
    ];
    expect(findingsOf({ stored: { ...SOUND_STORED, processes } })).toEqual(["suspect evidence"]);
  });

  test("nobody watches a simulated run, and nobody has to", () => {
    const network = { latency_min_ns: 1, jitter_mean_ns: 1, bytes_per_s: 1, send_buffer_bytes: 1 };
    const simulation = { sha256: "", steps: 1, wall_ns: 1, network };
    const processes = [{ ...SOUND_STORED_PROCESS, name: "worker0" }];
    const stored = { ...SOUND_STORED, processes };
    expect(findingsOf({ stored, health: null })).toEqual(["suspect evidence"]);
    expect(findingsOf({ stored: { ...stored, simulation }, health: null })).toEqual([]);
    // What the logs say counts all the same.
    const metrics = durations({ ...SOUND_TIMES, send_lateness_p99: 20e6 });
    expect(findingsOf({ stored: { ...stored, simulation }, health: null, metrics })).toEqual([
      "suspect send-lateness",
    ]);
  });

  test("what was watched only in part was not watched", () => {
    const stored = { ...SOUND_STORED, processes: [SOUND_STORED_PROCESS] };
    expect(findingsOf({ stored })).toEqual([]);
    // The host has 100 samples; the window is 10 s, of which a role says nothing for at most its two edges.
    const evidence = ["suspect evidence"];
    expect(findingsOf({ stored, ...health({ process: { samples: 50 } }) })).toEqual([]);
    expect(findingsOf({ stored, ...health({ process: { samples: 49 } }) })).toEqual(evidence);
    const loop = { busyNs: 1e9, intervalNs: 7.5e9 };
    expect(findingsOf({ stored, ...health({ loop }) })).toEqual([]);
    const shorter = { ...loop, intervalNs: 7.4e9 };
    expect(findingsOf({ stored, ...health({ loop: shorter }) })).toEqual(evidence);
  });

  test("the client is no busier than the bound for others: a controller may be busy", () => {
    const loop = { process: "controller", busyNs: 9e9 };
    expect(findingsOf(health({ loop }))).toEqual([]);
  });

  test("a sound run has the evidence that every detector asks for", () => {
    expect(findingsOf({})).toEqual([]);
    expect(SOUND_RUN.evidence.segments).toHaveLength(10);
  });
});
