/** A schedule walked through: counts, slices, classes, and its text. */
import { describe, expect, test } from "bun:test";
import type { Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import type { Arrival } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { ScheduleWriter, summariseSchedule } from "#workload/schedule-summary.ts";

const WORKLOAD: Workload = {
  arrivals: "mix",
  parts: [
    { name: "a", models: null, load: { arrivals: "constant", ratePerS: 10, users: 3 } },
    { name: "b", models: ["m"], load: { arrivals: "constant", ratePerS: 4 } },
  ],
  warmUpNs: ns(SECOND),
  durationNs: ns(2 * SECOND),
  coolDownNs: ns(SECOND),
  inputs: false,
};

const make = () => {
  const models = [
    { model: "m", instances: 1 },
    { model: "n", instances: 2 },
  ];
  const made = createArrivalProcess({ workload: WORKLOAD, seed: 1, models });
  if (!made.ok) throw new Error("no process");
  return made.value;
};

describe("the summary of a schedule", () => {
  test("counts requests in all, in the window, in slices and in classes", () => {
    const summary = summariseSchedule(make(), WORKLOAD, { slices: 4 });
    // 4 s at 14/s; the window is the middle half.
    expect(summary).toMatchObject({ requests: 56, measured: 28, announced: 28, sliceNs: 1e9 });
    expect([...summary.perSlice]).toEqual([14, 14, 14, 14]);
    expect(summary.classes.map(({ className, requests }) => [className, requests])).toEqual([
      ["a", 40],
      ["b", 16],
    ]);
    expect(summary.classes.map(({ gaps }) => gaps.meanNs)).toEqual([1e8, 2.5e8]);
    // Part "b" asks one of the three instances, as a user of its own.
    expect(summary).toMatchObject({ instances: 3, users: 4 });
  });

  test("writes the same text for the same seed, a line for each request", () => {
    const write = (): string => {
      let text = "";
      const writer = new ScheduleWriter((piece) => {
        text += piece;
      });
      summariseSchedule(make(), WORKLOAD, { slices: 4, onArrival: (each) => writer.add(each) });
      writer.finish();
      return text;
    };
    const lines = write().split("\n");
    expect(lines[0]).toBe("at_ns,instance,user,class");
    // A line end closes the last of 56 lines.
    expect(lines).toHaveLength(58);
    expect(lines.slice(1, 4).map((line) => line.split(",")[0])).toEqual(["0", "0", "100000000"]);
    expect(lines[2]).toBe("0,0,3,b");
    expect(write()).toBe(lines.join("\n"));
  });

  test("hands on long schedules in pieces, and quotes classes where they need it", () => {
    const pieces: string[] = [];
    const writer = new ScheduleWriter((piece) => pieces.push(piece));
    const arrival: Arrival = { at: ns(1), instance: 2, user: 3, className: 'a,"b"' };
    for (let i = 0; i < 5000; i++) writer.add(arrival);
    writer.finish();
    expect(pieces).toHaveLength(2);
    expect(pieces.join("").split("\n").slice(1, -1)).toEqual(
      Array.from({ length: 5000 }, () => '1,2,3,"a,""b"""'),
    );
  });
});
