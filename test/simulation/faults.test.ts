/** Worlds whose workers die, stop, talk nonsense, lose their connection and come back, at random instants: what must hold does. */
import { expect, test } from "bun:test";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import type { ActionResult } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import {
  checkActions,
  checkBatches,
  checkDeadlines,
  checkRequests,
  checkWhenQuiet,
  checkWindows,
  Problems,
} from "./stress-checks.ts";
import { MS, StressWorld } from "./stress-world.ts";

const SECOND = 1000 * MS;
const SEEDS = 60;
const FAULTS = 8;

const bare = { actionReceived: null, resultSent: null };
const timing = { begin: ns(0), end: ns(2 ** 50), duration: ns(2 ** 50) };

/** A result that answers nothing which that worker was ever asked. */
const nonsense = (world: StressWorld, rng: Rng, worker: number): ActionResult | null => {
  const actionId = rng.below(world.sent.length + 20) - 5;
  const gpu = { id: -1, weightsCacheBytes: 1, totalPages: -9, residentModels: [0, 0, 99] };
  const gpus = [{ ...gpu, ioPoolBytes: 0, workspacePoolBytes: 0 }];
  const state = { pageSizeBytes: 1, hostIoPoolBytes: 0, gpus, models: [] };
  const results: readonly ActionResult[] = [
    { ...bare, actionId, kind: "error", action: "infer", status: 82, message: "\n" },
    { ...bare, actionId, kind: "error", action: "load_weights", status: 53, message: "" },
    { ...bare, actionId, kind: "load_weights", timing },
    { ...bare, actionId, kind: "evict_weights", timing },
    { ...bare, actionId, kind: "get_worker_state", state },
    { ...bare, actionId, kind: "clear_cache" },
  ];
  const result = results[rng.below(results.length)] as ActionResult;
  const kind = result.kind === "error" ? result.action : result.kind;
  const wasAsked = world.sent.some(
    (each) =>
      each.worker === worker && each.action.actionId === actionId && each.action.kind === kind,
  );
  return wasAsked ? null : result;
};

const babble = (world: StressWorld, rng: Rng, worker: number): void => {
  for (let i = 0; i < 20; i++) {
    const result = nonsense(world, rng, worker);
    const received = ns(world.now);
    if (result !== null) world.step({ kind: "result", worker, received, result });
  }
};

/** Something happens to a worker, and is over a while later. */
const disturb = (world: StressWorld, rng: Rng, at: number): number => {
  const worker = rng.below(world.drawn.workers);
  const kind = rng.below(4);
  if (kind === 3) {
    world.at(at, () => babble(world, rng, worker));
    return at;
  }
  // Stops that end before the controller notices, before it gives up, and after.
  const most = [50, 500, 3000, 30_000][rng.below(4)] as number;
  const lasts = Math.floor(most * MS * (0.5 + rng.uniform() / 2));
  if (kind === 0) world.at(at, () => world.workerDown(worker));
  else if (kind === 1) world.at(at, () => world.crash(worker));
  else world.at(at, () => world.stop(worker));
  if (kind === 2) world.at(at + lasts, () => world.goOn(worker));
  else world.at(at + lasts, () => world.workerUp(worker));
  return at + lasts;
};

test.each([...STRATEGIES.keys()])(
  `%s in ${SEEDS} worlds of faults`,
  (strategy) => {
    const totals = { ok: 0, lost: 0, late: 0, closed: 0, back: 0, ignored: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      const world = new StressWorld(seed, strategy);
      const rng = Rng.of(seed, "faults");
      const problems = new Problems();
      world.startUp();
      const gap = ([1, 5, 20][rng.below(3)] as number) * MS;
      let at = world.now;
      for (let i = 0; i < 400; i++) {
        at += Math.floor(rng.exponential(gap));
        const model = rng.below(world.drawn.models);
        const factor = [0, 0, 20, 200][rng.below(4)] as number;
        world.at(at, () => world.infer(model, factor));
      }
      const start = world.now;
      let healed = at;
      for (let i = 0; i < FAULTS; i++) {
        const instant = start + Math.floor(rng.uniform() * (at - start));
        healed = Math.max(healed, disturb(world, rng, instant));
      }
      world.run(healed + 40 * SECOND);
      checkRequests(world, problems);
      checkDeadlines(world, problems);
      checkActions(world, problems);
      checkBatches(world, problems);
      checkWindows(world, problems);
      checkWhenQuiet(world, problems, world.drawn.isCalm);
      expect({ seed, found: [...world.surprises, ...problems.found] }).toEqual({ seed, found: [] });
      totals.ok += world.requests.filter(({ result }) => result === 0).length;
      totals.lost += world.requests.filter(({ result }) => result === 3).length;
      totals.late += world.lines.filter((line) => line.includes("is overdue with")).length;
      totals.back += world.lines.filter((line) => line.includes("is in use:")).length;
      totals.closed += world.closed;
      totals.ignored += world.lines.filter((line) => line.startsWith("Ignoring result")).length;
    }
    // Of everything there was enough.
    expect(totals.ok).toBeGreaterThan(1000);
    expect(totals.lost).toBeGreaterThan(20);
    expect(totals.late).toBeGreaterThan(8);
    expect(totals.back).toBeGreaterThan(40);
    expect(totals.ignored).toBeGreaterThan(100);
    expect(totals.closed).toBeGreaterThan(1);
  },
  60_000,
);
