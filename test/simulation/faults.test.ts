/** Worlds whose workers die, stop, lose their connection and come back, at random instants: what must hold does. */
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
const SEEDS = 25;
const FAULTS = 6;

/** Something happens to a worker, and is over a while later. */
const disturb = (world: StressWorld, rng: Rng, at: number): number => {
  const worker = rng.below(world.drawn.workers);
  const kind = rng.below(3);
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
    const totals = { ok: 0, lost: 0, late: 0, closed: 0, back: 0 };
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
    }
    // Of everything there was enough.
    expect(totals.ok).toBeGreaterThan(1000);
    expect(totals.lost).toBeGreaterThan(20);
    expect(totals.late).toBeGreaterThan(8);
    expect(totals.back).toBeGreaterThan(40);
    expect(totals.closed).toBeGreaterThan(1);
  },
  60_000,
);
