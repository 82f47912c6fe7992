/** Chooses the runs of a search while they are executed: each one is analysed before the next is picked. */
import { join } from "node:path";
import { derivedFolderOf, openResultsOrExit, verdictOf } from "#cli/build-report.ts";
import type { Plan, PlannedRun, Point } from "#experiment/resolved.ts";
import {
  type Capacity,
  findCapacities,
  pointBeside,
  type SearchedRun,
  toSearchedRun,
} from "#judge/capacity.ts";
import { expectedRuns } from "#judge/capacity-search.ts";
import { analyse } from "#query/analyse.ts";
import type { RunSource } from "#query/results-folder.ts";
import { describeTrial } from "#report/capacity-text.ts";
import type { ChooseRun } from "#runner/run-experiment.ts";
import { assert } from "#stdx/assert.ts";

export interface RunSearchOptions {
  /** The results folder, which may hold runs of an earlier attempt. */
  readonly folder: string;
  readonly plan: Plan;
  /** Told after each run what it decided. */
  readonly say: (text: string) => void;
}

const isSamePoint = (a: Point, b: Point): boolean => JSON.stringify(a) === JSON.stringify(b);

export class RunSearch {
  readonly #options: RunSearchOptions;
  readonly #runs = new Map<number, SearchedRun>();
  #titles: Readonly<Record<string, string>> = {};
  #runsLeft = 0;
  /** Runs of an earlier attempt that were needed and did not end well. */
  readonly #again = new Set<number>();

  private constructor(options: RunSearchOptions) {
    this.#options = options;
  }

  /** Takes over what an earlier attempt measured. */
  static async open(options: RunSearchOptions): Promise<RunSearch> {
    const search = new RunSearch(options);
    const { runs } = openResultsOrExit(options.folder);
    for (const run of runs) if (run.stored?.state !== "done") search.#again.add(run.index);
    await search.#analyse(runs.filter(({ stored }) => stored?.state === "done"));
    return search;
  }

  /** How many runs are left, as far as can be told. */
  readonly runsLeft = (): number => this.#runsLeft;

  readonly choose: ChooseRun = async (states) => {
    const ended = [...states.keys()].filter((index) => !this.#runs.has(index));
    if (ended.length > 0) {
      for (const index of ended) this.#again.delete(index);
      const { runs } = openResultsOrExit(this.#options.folder);
      await this.#analyse(runs.filter(({ index }) => ended.includes(index)));
    }
    const capacities = findCapacities(this.#options.plan, [...this.#runs.values()]);
    this.#tell(ended, capacities);
    this.#runsLeft = this.#again.size + this.#expected(capacities);
    const [again] = this.#again;
    if (again !== undefined) return this.#options.plan.runs[again] ?? null;
    return this.#next(capacities);
  };

  /** The expected number of runs less those that are over, but one at least for each search that is not. */
  #expected(capacities: readonly Capacity[]): number {
    const { search } = this.#options.plan;
    assert(search !== undefined, "the plan has a search");
    const { about } = expectedRuns(search);
    return capacities.reduce(
      (sum, { view, trials }) =>
        sum + (view.step.kind === "done" ? 0 : Math.max(1, about - trials.length)),
      0,
    );
  }

  /** Points of a sweep are searched one after the other. */
  #next(capacities: readonly Capacity[]): PlannedRun | null {
    const { plan } = this.#options;
    const { search } = plan;
    assert(search !== undefined, "the plan has a search");
    for (const { point, view } of capacities) {
      const { step } = view;
      if (step.kind === "done") continue;
      const load = search.loads[step.load]?.value;
      const next = plan.runs.find(
        (run) =>
          !this.#runs.has(run.index) &&
          run.point.some(({ path, value }) => path === search.over && value === load) &&
          isSamePoint(pointBeside(search, run.point), point),
      );
      assert(next !== undefined, "a load is planned as often as it may be tried");
      return next;
    }
    return null;
  }

  async #analyse(runs: readonly RunSource[]): Promise<void> {
    if (runs.length === 0) return;
    const { folder, plan } = this.#options;
    const source = openResultsOrExit(folder);
    const dataFolder = join(derivedFolderOf(source), "data");
    const analysis = await analyse({ source: { ...source, runs }, dataFolder });
    for (const run of analysis.runs)
      this.#runs.set(run.index, toSearchedRun(plan, run, verdictOf(plan, run)));
    this.#titles = analysis.metricTitles;
  }

  #tell(ended: readonly number[], capacities: readonly Capacity[]): void {
    for (const capacity of capacities) {
      const trial = capacity.trials.findLast(({ run }) => ended.includes(run.index));
      if (trial !== undefined) this.#options.say(describeTrial(capacity, trial, this.#titles));
    }
  }
}
