/** Recorded schedules: replayed to the byte, cut where sending ends, refused where they are not what they should be. */
import { describe, expect, test } from "bun:test";
import type { Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import type { Arrival, ArrivalProcess } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import {
  RECORDED_LAYOUT,
  RecordedReplay,
  type RecordedWorkload,
  recordedProblems,
} from "#workload/recorded-replay.ts";
import { type RequestTrace, scanTrace } from "#workload/request-trace.ts";
import { ScheduleWriter } from "#workload/schedule-summary.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";
import { piecesOf, takeAll } from "./workloads.ts";

const TIMES = {
  warmUpNs: ns(SECOND),
  durationNs: ns(8 * SECOND),
  coolDownNs: ns(SECOND),
  inputs: false,
};
const RECORDED: RecordedWorkload = { ...TIMES, arrivals: "recorded", trace: "r.csv" };
const MODELS = [{ model: "a", instances: 5 }];

const written = (arrivals: readonly Arrival[]): string => {
  let text = "";
  const writer = new ScheduleWriter((piece) => {
    text += piece;
  });
  for (const arrival of arrivals) writer.add(arrival);
  writer.finish();
  return text;
};

const read = (text: string): RequestTrace => {
  const scanned = scanTrace(RECORDED_LAYOUT, piecesOf(text, 777));
  if (!scanned.ok) throw new Error(formatTraceProblems("r.csv", scanned.error));
  return scanned.value;
};

const refusal = (text: string): string => {
  const scanned = scanTrace(RECORDED_LAYOUT, piecesOf(text, 777));
  return scanned.ok ? "accepted" : formatTraceProblems("r.csv", scanned.error);
};

const made = (workload: Workload, trace?: RequestTrace): ArrivalProcess => {
  const extra = trace === undefined ? {} : { requestTrace: trace };
  const process = createArrivalProcess({ workload, seed: 3, models: MODELS, ...extra });
  if (!process.ok) throw new Error(JSON.stringify(process.error));
  return process.value;
};

const ORIGINALS: readonly Workload[] = [
  { ...TIMES, arrivals: "gamma", ratePerS: 500, cv: 4, users: 20 },
  {
    ...TIMES,
    arrivals: "mix",
    parts: [
      { name: "a-1", models: null, load: { arrivals: "constant", ratePerS: 100 } },
      { name: "b_2", models: null, load: { arrivals: "constant", ratePerS: 200 } },
    ],
  },
];

describe("a replay", () => {
  test.each(ORIGINALS)("is the schedule that was written ($arrivals)", (workload) => {
    const arrivals = takeAll(made(workload));
    const replay = made(RECORDED, read(written(arrivals)));
    expect(takeAll(replay)).toEqual(arrivals);
  });

  test("takes any class name that a trace may have", () => {
    const arrivals = ['say "hi", please', "a;b", "ü"].map((className, index) => ({
      at: ns(index),
      instance: index,
      user: 7,
      className,
    }));
    expect(takeAll(made(RECORDED, read(written(arrivals))))).toEqual(arrivals);
  });

  test("says exactly how many requests any window has", () => {
    const arrivals = takeAll(made(ORIGINALS[0] as Workload));
    const replay = new RecordedReplay(RECORDED, read(written(arrivals)));
    for (const [from, to] of [
      [0, 10e9],
      [1e9, 9e9],
      [123_456_789, 123_456_790],
      [0, 99e9],
      [5e9, 5e9],
    ] as const) {
      const due = arrivals.filter(({ at }) => at >= from && at < to).length;
      expect(replay.expectedCount(ns(from), ns(to))).toBe(due);
    }
  });

  test("ends when sending ends", () => {
    const arrivals = takeAll(made(ORIGINALS[0] as Workload));
    const short = { ...RECORDED, durationNs: ns(2 * SECOND) };
    const replay = made(short, read(written(arrivals)));
    expect(takeAll(replay)).toEqual(arrivals.filter(({ at }) => at < 4 * SECOND));
  });
});

describe("a file that is no recorded schedule of this system", () => {
  test("names an instance that the system does not have", () => {
    const [problem] = recordedProblems(RECORDED, read("at_ns,instance,user,class\n5,4,0,x\n"), 4);
    expect(problem?.message).toBe(
      "the recorded schedule asks for model instance 4, and the system has 4",
    );
    expect(recordedProblems(RECORDED, read("at_ns,instance,user,class\n5,4,0,x\n"), 5)).toEqual([]);
  });

  test("begins when sending has ended", () => {
    const trace = read("at_ns,instance,user,class\n10000000000,0,0,x\n");
    expect(recordedProblems(RECORDED, trace, 4)[0]?.path).toBe("workload.duration");
  });

  test.each([
    ["", "the trace has no requests"],
    ["at_ns,instance,user,class\n", "the trace has no requests"],
    ["at_ns,instance,user\n1,2,3\n", "column class: the header has no such column"],
    ["at_ns,instance,user,class\n-1,2,3,x\n", 'column at_ns: no whole number ("-1")'],
    ["at_ns,instance,user,class\n1.5,2,3,x\n", 'column at_ns: no whole number ("1.5")'],
    ["at_ns,instance,user,class\n1,,3,x\n", "column instance: no whole number"],
    ["at_ns,instance,user,class\n1,2,3\n", "the line has 3 fields, the header has 4"],
    ["at_ns,instance,user,class\n2,0,0,x\n1,0,0,x\n", "earlier than the one before"],
    ["at_ns,instance,user,class\n99999999999999999999,0,0,x\n", "no whole number"],
  ])("%j", (text, message) => {
    expect(refusal(text)).toContain(message);
  });
});
