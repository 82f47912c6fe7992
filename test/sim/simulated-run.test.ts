/** Whole runs in virtual time: what roles see of each other, of time and of a network that fails. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_NETWORK } from "#sim/network.ts";
import { MILLISECOND, ns, SECOND } from "#stdx/nanos.ts";
import { SimulatedWorld, simulatedPlan } from "./simulated-world.ts";

const MS = MILLISECOND;

/** All that a run leaves behind, as text. */
const traceOf = (world: SimulatedWorld): string =>
  JSON.stringify([world.requests, world.actions, world.records, world.statuses, world.lines]);

const outcomes = (world: SimulatedWorld) =>
  Object.fromEntries(
    [...Map.groupBy(world.records, ({ outcome }) => outcome)].map(([name, all]) => [
      name,
      all.length,
    ]),
  );

describe("a run that goes well", () => {
  const world = new SimulatedWorld(simulatedPlan()).start().drain();

  test("answers every request once, and its logs add up", () => {
    expect(world.records.length).toBeGreaterThan(200);
    expect(outcomes(world)).toEqual({ ok: world.records.length });
    expect(world.requests.map(({ requestId }) => requestId).sort((a, b) => a - b)).toEqual(
      world.records.map((_, index) => index),
    );
    const batched = world.actions.flatMap(({ batch }) => batch.map(({ requestId }) => requestId));
    expect(batched.toSorted((a, b) => a - b)).toEqual(world.records.map((_, index) => index));
  });

  test("sends at the instant, and takes what the network and the GPU take", () => {
    for (const { scheduled, sent, received, responseSent } of world.records) {
      expect(sent).toBe(scheduled);
      const latency = (received ?? 0) - scheduled;
      // Two ways of 50 µs at least, and 2.73 ms for the smallest batch.
      expect(latency).toBeGreaterThan(2.8 * MS);
      expect(latency).toBeLessThan(60 * MS);
      expect(Math.abs((received ?? 0) - (responseSent ?? 0) - 60_000)).toBeLessThan(150_000);
    }
  });

  test("sees actions leave and results come back, in the controller's time", () => {
    const infers = world.actions.filter(({ action }) => action === "infer");
    expect(infers.length).toBeGreaterThan(50);
    for (const each of infers) {
      const instants = [
        each.sent,
        each.workerActionReceived,
        each.workerExecComplete,
        each.workerResultSent,
        each.received,
      ].map(Number);
      expect(instants).toEqual(instants.toSorted((a, b) => a - b));
      expect(each.status).toBe(0);
    }
  });

  test("ends its roles in good order", () => {
    for (const name of ["client0", "controller", "worker0", "worker1"]) world.simulation.end(name);
    expect([...world.exits.values()].every(({ isClean }) => isClean)).toBe(true);
    expect(world.exits.size).toBe(4);
    // What is still on its way arrives nowhere, and then nothing happens any more.
    while (world.simulation.step());
    expect(world.simulation.nextAt()).toBeNull();
  });
});

describe("the same seed", () => {
  const noise = {
    jitterCv: 0.05,
    throttleRatePerS: 1,
    throttleLengthNs: ns(100 * MS),
    throttleFactor: 1.5,
    slowTransferShare: 0.1,
    slowTransferFactor: 3,
    stallRatePerS: 1,
    stallLengthNs: ns(5 * MS),
  };

  test.each([
    ["poisson", {}],
    ["a closed loop", { arrivals: "closed-loop" as const, concurrency: 4, thinkTimeNs: ns(MS) }],
    ["three generators", { generators: 3 }],
    ["inputs", { inputs: true }],
  ])("gives the same bits: %s", (_, workload) => {
    const run = (seed: number): string =>
      traceOf(
        new SimulatedWorld(simulatedPlan({ seed, workload, system: { noise } })).start().drain(),
      );
    const first = run(7);
    for (let repeat = 0; repeat < 4; repeat++) expect(run(7)).toBe(first);
    expect(run(8)).not.toBe(first);
  });

  test("gives each part its own chance: noise or a third worker moves no arrival", () => {
    const scheduled = (changes: Parameters<typeof simulatedPlan>[0]): readonly number[] => {
      const world = new SimulatedWorld(simulatedPlan(changes)).start().drain();
      const all = world.records.map((each) => each.scheduled).sort((a, b) => a - b);
      // When sending starts depends on how long loading takes.
      return all.map((at) => at - (all[0] ?? 0));
    };
    const plain = scheduled({});
    expect(scheduled({ system: { noise } })).toEqual(plain);
    expect(scheduled({ system: { workers: 3 } })).toEqual(plain);
  });
});

describe("clocks that differ", () => {
  const clocks = {
    worker0: { offset: ns(3 * SECOND), driftPpb: 40_000 },
    worker1: { offset: ns(-2 * SECOND), driftPpb: -30_000 },
    client0: { offset: ns(500 * MS), driftPpb: 10_000 },
  };

  test("are estimated as real roles do, so that windows still fit and nothing fails", () => {
    const world = new SimulatedWorld(simulatedPlan(), { clocks }).start().drain();
    expect(outcomes(world)).toEqual({ ok: world.records.length });
    for (const each of world.actions.filter(({ action }) => action === "infer")) {
      expect(each.status).toBe(0);
      // No way is shorter than 50 µs; the estimate rests on what was seen before, and the clocks have drifted since.
      expect(Number(each.workerActionReceived) - each.sent).toBeGreaterThan(5_000);
      expect(each.received - Number(each.workerResultSent)).toBeGreaterThan(5_000);
    }
    for (const { received, responseSent } of world.records) {
      expect((received ?? 0) - (responseSent ?? 0)).toBeGreaterThan(5_000);
    }
  });
});

describe("a network that fails", () => {
  /** Breaks something about worker 0 after 200 ms, and sends for 600 ms more. */
  const disturbed = (disturb: (world: SimulatedWorld) => void) => {
    const plan = simulatedPlan({ workload: { ratePerS: 300, durationNs: ns(800 * MS) } });
    const world = new SimulatedWorld(plan).start();
    world.untilMs(world.simulation.now / MS + 250);
    const at = world.simulation.now;
    disturb(world);
    world.drain();
    expect(world.requests.length).toBe(world.records.length);
    const { ok = 0, fail = 0 } = outcomes(world);
    expect(ok + fail).toBe(world.records.length);
    expect(ok).toBeGreaterThan(0.8 * world.records.length);
    const lost = world.actions.filter(({ status }) => status === 3);
    expect(lost.every(({ worker }) => worker === 0)).toBe(true);
    // By the controller's clock, which began with it, at the world's beginning.
    const after = world.actions.filter(
      ({ action, sent, status }) => action === "infer" && sent > at && status === 0,
    );
    return { world, after: Map.groupBy(after, ({ worker }) => worker) };
  };

  test("breaks a connection: the worker is tried again, and serves again", () => {
    const { world, after } = disturbed(({ simulation }) => {
      simulation.breakConnection("worker0", "reset");
    });
    expect(world.lines).toContain("controller: Closing connection to worker 0, reason: reset");
    expect(world.lines.filter((line) => line.endsWith("Connection established")).length).toBe(3);
    expect(after.get(0)?.length).toBeGreaterThan(10);
    expect(after.get(1)?.length).toBeGreaterThan(10);
  });

  test("loses a worker for good: the others serve, and nothing waits for ever", () => {
    const { world, after } = disturbed(({ simulation }) => simulation.kill("worker0"));
    expect(world.exits.get("worker0")).toMatchObject({ isClean: false });
    expect([...after.keys()]).toEqual([1]);
  });

  test("loses a worker that is started again: it comes back empty, and serves again", () => {
    const { world, after } = disturbed(({ simulation }) => {
      simulation.kill("worker0");
      simulation.startWorker("worker0", 0);
    });
    expect(world.lines.filter((line) => line.endsWith("Connection established")).length).toBe(3);
    expect(after.get(1)?.length).toBeGreaterThan(10);
  });

  test("is parted from a worker and whole again: its results come late, and none is lost", () => {
    const plan = simulatedPlan({ system: { workers: 1 }, workload: { ratePerS: 100 } });
    const world = new SimulatedWorld(plan).start();
    const partedAt = world.simulation.now / MS + 200;
    const { simulation } = world;
    simulation.at(ns(Math.round(partedAt * MS) + 150 * MS), () => simulation.heal("worker0"));
    simulation.at(ns(Math.round(partedAt * MS)), () => simulation.part("worker0"));
    world.drain();
    expect(outcomes(world)["fail"]).toBeGreaterThan(3);
    expect(outcomes(world)["ok"]).toBeGreaterThan(20);
    const infers = world.actions.filter(({ action }) => action === "infer");
    // Every action has its result: what came after its window says so.
    expect(new Set(infers.map(({ status }) => status)).has(81)).toBe(true);
    const held = infers.filter(({ sent, received }) => received - sent > 50 * MS);
    expect(held.length).toBeGreaterThan(0);
  });

  test("is parted for so long that the controller gives the worker up, and has it back afterwards", () => {
    const workload = { ratePerS: 50, durationNs: ns(25 * SECOND) };
    const world = new SimulatedWorld(simulatedPlan({ workload })).start();
    const { simulation } = world;
    const partedAt = simulation.now + 2 * SECOND;
    const healedAt = partedAt + 15 * SECOND;
    simulation.at(ns(partedAt), () => simulation.part("worker0"));
    simulation.at(ns(healedAt), () => simulation.heal("worker0"));
    world.drain();
    const infers = world.actions.filter(({ action, status }) => action === "infer" && status === 0);
    const servedBy = (worker: number, from: number, to: number): number =>
      infers.filter((each) => each.worker === worker && each.sent > from && each.sent < to).length;
    expect(servedBy(0, 0, partedAt)).toBeGreaterThan(10);
    expect(servedBy(0, partedAt, healedAt)).toBe(0);
    expect(servedBy(1, partedAt, healedAt)).toBeGreaterThan(400);
    expect(servedBy(0, healedAt + 6 * SECOND, Infinity)).toBeGreaterThan(10);
    expect(world.lines.some((line) => line.includes("Closing connection to worker 0"))).toBe(true);
    expect(outcomes(world)["ok"]).toBeGreaterThan(0.95 * world.records.length);
  });

  test("cuts a load generator off: what is out is unknown, the rest is dropped", () => {
    const world = new SimulatedWorld(simulatedPlan()).start();
    world.untilMs(world.simulation.now / MS + 200);
    world.simulation.breakConnection("client0", "reset");
    world.drain();
    const { ok = 0, unknown = 0, dropped = 0 } = outcomes(world);
    expect(ok).toBeGreaterThan(20);
    expect(unknown).toBeGreaterThan(0);
    expect(dropped).toBeGreaterThan(50);
    expect(world.statusesOf("error")[0]?.message).toContain(
      "connection to the controller was lost",
    );
  });
});

test("a thin line makes inputs wait for each other, and the sender's buffer delays what is sent", () => {
  const network = { ...DEFAULT_NETWORK, bytesPerS: 1.25e8 };
  const workload = { inputs: true, ratePerS: 100 };
  const fast = new SimulatedWorld(simulatedPlan({ workload })).start().drain();
  const slow = new SimulatedWorld(simulatedPlan({ workload }), { network }).start().drain();
  const arrival = (world: SimulatedWorld): number => {
    const sorted = world.records
      .map((each) => (each.received ?? 0) - each.scheduled)
      .sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  // An input of 602,112 bytes takes 4.8 ms on a line of 1 Gb/s, twice: to the controller and on to the worker.
  expect(arrival(slow) - arrival(fast)).toBeGreaterThan(8 * MS);
});

test("a role that is killed has no last words, and its logs are kept", () => {
  const world = new SimulatedWorld(simulatedPlan()).start();
  world.untilMs(world.simulation.now / MS + 200);
  const before = world.records.length;
  world.simulation.kill("client0");
  expect(world.exits.get("client0")).toEqual({ isClean: false, description: "killed" });
  expect(world.records.length).toBe(before);
  while (world.simulation.nextAt() !== null && world.simulation.now < 3 * SECOND) {
    world.simulation.step();
  }
  expect(world.records.length).toBe(before);
  expect(world.lines.some((line) => line.includes("Closing client connection"))).toBe(true);
});
