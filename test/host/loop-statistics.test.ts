/** What a role says of its event loop: brackets of work, turns, stalls, collections, clocks of peers. */
import { describe, expect, test } from "bun:test";
import { LoopReport } from "#host/loop-report.ts";
import { LoopStatistics } from "#host/loop-statistics.ts";
import { ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

const US = 1_000;
const MS = 1_000_000;

/** A loop whose clock and turns are moved by hand. */
const byHand = () => {
  let now = 0;
  let turnEnds: (() => void)[] = [];
  const loop = new LoopStatistics(
    () => now,
    (callback) => turnEnds.push(callback),
  );
  const pass = (durationNs: number): void => {
    now += durationNs;
  };
  const work = (durationNs: number): void => {
    loop.begin();
    pass(durationNs);
    loop.end();
  };
  const endTurn = (): void => {
    const due = turnEnds;
    turnEnds = [];
    for (const callback of due) callback();
  };
  return { loop, pass, work, endTurn };
};

describe("LoopStatistics", () => {
  test("counts work and not what lies between", () => {
    const { loop, pass, work } = byHand();
    work(30 * US);
    pass(500 * MS);
    work(20 * US);
    expect(loop.take()).toMatchObject({ busy: 50 * US, turns: 2, stallMax: 30 * US, stalls: 0 });
  });

  test("callbacks of one turn are one stretch, those of two turns are two", () => {
    const { loop, work, endTurn } = byHand();
    work(700 * US);
    work(600 * US);
    endTurn();
    work(700 * US);
    endTurn();
    expect(loop.take()).toMatchObject({ turns: 2, stallMax: 1300 * US, stalls: 1 });
  });

  test("a nap between two callbacks of one turn is in no stretch", () => {
    const { loop, pass, work, endTurn } = byHand();
    work(200 * US);
    pass(800 * US);
    work(300 * US);
    pass(900 * US);
    endTurn();
    expect(loop.take()).toMatchObject({ busy: 500 * US, stallMax: 300 * US, stalls: 0 });
  });

  test("of nested brackets the outermost counts, once", () => {
    const { loop, pass, work } = byHand();
    loop.begin();
    work(10 * US);
    pass(5 * US);
    loop.end();
    expect(loop.take()).toMatchObject({ busy: 15 * US, turns: 1, stallMax: 15 * US });
  });

  test("the longest of each kind is of the interval, the rest since the start", () => {
    const { loop, work, endTurn } = byHand();
    work(3 * MS);
    loop.onCollection();
    endTurn();
    loop.take();
    work(2 * MS);
    endTurn();
    expect(loop.take()).toEqual({
      busy: ns(5 * MS),
      turns: 2,
      stallMax: ns(2 * MS),
      stalls: 2,
      collections: 1,
      collectionPauseMax: null,
    });
  });

  test("a collection's pause is the longest step shortly before it was noticed", () => {
    const { loop, pass, work } = byHand();
    work(9 * MS);
    pass(30 * MS);
    loop.begin();
    pass(2 * MS);
    loop.step();
    pass(1 * MS);
    loop.step();
    loop.end();
    loop.onCollection();
    expect(loop.take().collectionPauseMax).toBe(ns(2 * MS));
  });

  test("notices collections of the real collector", async () => {
    const loop = new LoopStatistics(() => Bun.nanoseconds());
    for (let round = 0; round < 50 && loop.take().collections === 0; round++) {
      Bun.gc(true);
      await Bun.sleep(1);
    }
    expect(loop.take().collections).toBeGreaterThan(0);
  });
});

test("a report tells at its start and at its end, with the clocks of the peers that have reported", () => {
  const lines: StatusLine[] = [];
  const report = new LoopReport({
    clock: { epochNs: 1_000n, now: () => ns(7) },
    loop: new LoopStatistics(() => 0),
    peers: () => [
      { peer: "a:1", clockDelta: ns(-5), roundTrip: ns(90) },
      { peer: "b:2", clockDelta: ns(0), roundTrip: ns(0) },
    ],
    onStatus: (line) => lines.push(line),
  });
  report.stop();
  expect(lines).toHaveLength(2);
  expect(lines[1]).toEqual({
    event: "loop",
    at_ns: "1007",
    busy_ns: 0,
    turns: 0,
    stall_max_ns: 0,
    stalls: 0,
    gc_count: 0,
    gc_pause_max_ns: null,
    clock: [{ peer: "a:1", delta_ns: -5, round_trip_ns: 90 }],
  });
});
