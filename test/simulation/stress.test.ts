/** Randomised worlds of the controller with real worker state machines: whatever is drawn, these things hold. */
import { expect, test } from "bun:test";
import { STRATEGIES } from "#serving/controller/strategies.ts";
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
const SEEDS = 40;
const REQUESTS = 250;

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

/** Offers a load that the seed draws; a worker may be lost meanwhile. Returns which, or −1. */
const offer = (world: StressWorld, seed: number): number => {
  const rng = Rng.of(seed, "load");
  const { models, workers } = world.drawn;
  const gap = pick(rng, [0.05, 0.3, 1, 5]) * MS;
  const factors = pick(rng, [[0], [0, 0, 50], [0, 0.5, 3, 20, 200]]);
  const start = world.now;
  let at = start;
  for (let i = 0; i < REQUESTS; i++) {
    at += Math.floor(rng.exponential(gap)) + (rng.below(100) === 0 ? rng.below(400 * MS) : 0);
    const model = rng.below(50) === 0 ? models + 3 : rng.below(models);
    const factor = pick(rng, factors);
    world.at(at, () => world.infer(model, factor));
  }
  const lost = rng.below(3) === 0 ? rng.below(workers) : -1;
  const lostAt = start + Math.floor(rng.uniform() * (at - start));
  if (lost >= 0) world.at(lostAt, () => world.workerDown(lost));
  world.run(at + 20 * SECOND);
  return lost;
};

const what = `${SEEDS} worlds of %s: one response each, pages and windows kept, nothing forgotten`;

test.each([...STRATEGIES.keys()])(what, (strategy) => {
  const totals = { ok: 0, evictions: 0, calm: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const world = new StressWorld(seed, strategy);
    const problems = new Problems();
    world.startUp();
    const lost = offer(world, seed);
    checkRequests(world, problems);
    checkDeadlines(world, problems);
    checkActions(world, problems);
    checkBatches(world, problems);
    checkWindows(world, problems);
    checkWhenQuiet(world, problems, world.drawn.isCalm && lost < 0);
    expect({ seed, found: [...world.surprises, ...problems.found] }).toEqual({ seed, found: [] });
    totals.ok += world.requests.filter(({ result }) => result === 0).length;
    totals.evictions += world.actions.filter(({ action }) => action === "evict_weights").length;
    totals.calm += world.drawn.isCalm && lost < 0 ? 1 : 0;
  }
  // The worlds are hard, but not so hard that nothing happens in them.
  expect(totals.ok).toBeGreaterThan(1000);
  expect(totals.evictions).toBeGreaterThan(500);
  expect(totals.calm).toBeGreaterThan(5);
});
