/** The simulated network: latencies, bandwidth, order; partitions that lose nothing, and connections that break. */
import { describe, expect, test } from "bun:test";
import { Agenda } from "#sim/agenda.ts";
import {
  ACTORS_PER_CONNECTION,
  Connection,
  type Port,
  type PortHandlers,
} from "#sim/connection.ts";
import { type ClockOptions, HostClock, TRUE_CLOCK } from "#sim/host-clock.ts";
import { Line, type NetworkOptions } from "#sim/network.ts";
import { ns } from "#stdx/nanos.ts";

const US = 1000;
/** 1 GB/s, 50 µs, no jitter. */
const PLAIN: NetworkOptions = {
  latencyMin: ns(50 * US),
  jitterMean: ns(0),
  bytesPerS: 1e9,
  sendBufferBytes: 10_000,
};

interface Arrived {
  readonly at: number;
  readonly message: string;
  readonly sentAt: number;
}

class Wire {
  readonly agenda = new Agenda(ACTORS_PER_CONNECTION + 1);
  readonly arrived: Arrived[] = [];
  readonly answers: Arrived[] = [];
  readonly taken: string[] = [];
  /** Messages of each read. */
  readonly reads: number[] = [];
  readonly closed: string[] = [];
  near!: Port<string, string>;
  far!: Port<string, string>;
  readonly connection: Connection<string, string>;
  readonly #clockSlot: number;

  constructor(network: Partial<NetworkOptions> = {}, clock: ClockOptions = TRUE_CLOCK) {
    const options = { ...PLAIN, ...network };
    this.#clockSlot = this.agenda.add({ act: () => {} });
    const host = (name: string, its: ClockOptions) => ({
      name,
      clock: new HostClock(its, ns(0)),
      line: new Line(options),
    });
    let unread = 0;
    const handlers = (end: string, arrived: Arrived[]): PortHandlers<string> => ({
      onMessage: (at, message, sentAt) => {
        arrived.push({ at, message, sentAt });
        unread++;
      },
      onRead: () => {
        this.reads.push(unread);
        unread = 0;
      },
      onTaken: (now, id) => void this.taken.push(`${id}@${now}`),
      onClosed: (now, reason) => void this.closed.push(`${end}@${now}: ${reason}`),
    });
    this.connection = new Connection({
      agenda: this.agenda,
      network: options,
      seed: 1,
      from: host("near", TRUE_CLOCK),
      to: host("far", clock),
      atFrom: (port) => {
        this.near = port;
        return handlers("near", this.answers);
      },
      atTo: (port) => {
        this.far = port;
        return handlers("far", this.arrived);
      },
    });
  }

  send(message: string, sizeBytes = 0, id = 0): boolean {
    return this.near.send(this.agenda.now, message, { sizeBytes, id });
  }

  /** Lets everything happen that happens until then, and the world's time be then. */
  until(at: number): void {
    this.agenda.wait(this.#clockSlot, ns(at));
    while ((this.agenda.nextAt() ?? Infinity) <= at) this.agenda.step();
  }
}

test("a message takes the latency and the time that its bytes take on the line", () => {
  const wire = new Wire();
  wire.send("a");
  wire.until(1 * US);
  wire.send("b", 20_000);
  wire.until(2 * US);
  wire.send("c");
  wire.until(1_000 * US);
  expect(wire.arrived.map(({ at, message }) => [message, at])).toEqual([
    ["a", 50 * US],
    ["b", 71 * US],
    ["c", 71 * US],
  ]);
});

test("what is sent at one instant arrives together, but for what no read could take at once", () => {
  const wire = new Wire({ jitterMean: ns(20 * US), sendBufferBytes: 1e6 });
  for (const [index, size] of [100, 30_000, 30_000, 30_000, 100].entries()) {
    wire.send(String(index), size);
  }
  wire.until(10_000 * US);
  const [first, ...others] = wire.arrived.map(({ at }) => at);
  expect(others.map((at) => at === first)).toEqual([true, true, false, false]);
  expect(wire.arrived[3]?.at).toBe(wire.arrived[4]?.at as number);
  // 60.1 µs for the bytes, 50 µs for the way.
  expect(first).toBeGreaterThanOrEqual(110_100);
  expect(wire.reads).toEqual([3, 2]);
});

test("the sender's buffer takes what it has room for, and the rest once there is", () => {
  const wire = new Wire();
  const taken = [9_000, 5_000, 1_000].map((size, id) => wire.send("x", size, id));
  // 10,000 bytes are waiting 4 µs after 14,000 were handed over, and 5 µs after 15,000.
  expect(taken).toEqual([true, false, false]);
  wire.until(1_000 * US);
  expect(wire.taken).toEqual([`1@${4 * US}`, `2@${5 * US}`]);
});

test("with jitter messages vary, and none overtakes another", () => {
  const wire = new Wire({ jitterMean: ns(100 * US) });
  for (let i = 0; i < 200; i++) {
    wire.send(String(i));
    wire.until((i + 1) * 10 * US);
  }
  wire.until(10_000 * US);
  expect(wire.arrived.map(({ message }) => Number(message))).toEqual(
    Array.from({ length: 200 }, (_, i) => i),
  );
  const ways = wire.arrived.map(({ at }, i) => at - i * 10 * US);
  expect(Math.min(...ways)).toBeGreaterThanOrEqual(50 * US);
  expect(new Set(ways).size).toBeGreaterThan(50);
});

describe("clocks", () => {
  test("ends learn of their difference from what they send each other", () => {
    const offset = 7_000_000;
    const wire = new Wire({}, { offset: ns(offset), driftPpb: 0 });
    wire.send("there");
    wire.until(100 * US);
    wire.far.send(wire.agenda.now, "back", { sizeBytes: 0, id: 0 });
    wire.until(200 * US);
    // Before anything came back, the far end takes its own clock for the near one's.
    expect(wire.far.clockDelta).toBe(ns(0));
    expect(wire.near.clockDelta).toBe(ns(-offset));
    wire.send("again");
    wire.until(400 * US);
    expect(wire.far.clockDelta).toBe(ns(offset));
    // Both hosts' instants count from the same instant of the world, by clocks that show different times for it.
    expect(wire.arrived.at(-1)).toEqual({ at: 250 * US, message: "again", sentAt: 200 * US });
    const there = wire.far.fromPeer(ns(1234));
    expect(wire.far.toPeer(there, wire.far.clockDelta)).toBe(ns(1234));
  });

  test("ways of different lengths are taken for half of their difference of clocks", () => {
    const wire = new Wire({ jitterMean: ns(20 * US) });
    for (let i = 1; i <= 50; i++) {
      wire.send("there");
      wire.far.send(wire.agenda.now, "back", { sizeBytes: 0, id: 0 });
      wire.until(i * 1_000 * US);
    }
    // The shortest ways of 50 are a few µs longer than the least latency.
    expect(Math.abs(wire.near.clockDelta)).toBeLessThan(5 * US);
    expect(Math.abs(wire.near.clockDelta + wire.far.clockDelta)).toBeLessThanOrEqual(20 * US);
  });
});

describe("when the network fails", () => {
  const texts = (arrived: readonly Arrived[]) =>
    arrived.map(({ message, at }) => `${message}@${at}`);

  test("a partition holds messages back, those on their way too, and loses none", () => {
    const wire = new Wire();
    wire.send("a");
    wire.until(10 * US);
    wire.connection.hold();
    wire.send("b");
    wire.until(900 * US);
    expect(wire.arrived).toEqual([]);
    wire.connection.release(wire.agenda.now);
    wire.send("c");
    wire.until(2_000 * US);
    expect(texts(wire.arrived)).toEqual([`a@${950 * US}`, `b@${950 * US}`, `c@${950 * US}`]);
  });

  test("a lost connection loses what is on its way, and tells both ends", () => {
    const wire = new Wire();
    wire.send("a");
    wire.until(10 * US);
    wire.connection.lose(wire.agenda.now, "reset");
    wire.send("b");
    wire.until(1_000 * US);
    expect(wire.arrived).toEqual([]);
    expect(wire.closed).toEqual([`near@${10 * US}: reset`, `far@${10 * US}: reset`]);
  });

  test("an end that closes is heard of after all that it sent", () => {
    const wire = new Wire();
    wire.send("last words", 5_000);
    wire.near.close(ns(0), "ended");
    wire.far.send(ns(0), "too late", { sizeBytes: 0, id: 0 });
    wire.until(1_000 * US);
    expect(texts(wire.arrived)).toEqual([`last words@${55 * US}`]);
    expect(wire.closed).toEqual([`far@${55 * US}: ended`]);
    expect(wire.answers).toEqual([]);
  });
});
