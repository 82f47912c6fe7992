/** The command that makes one simulated run again, bit for bit: what a failed one is looked into with. */
import { shellWord } from "#cli/shell-word.ts";
import type { Override } from "#experiment/override.ts";
import type { Plan, PlannedRun } from "#experiment/resolved.ts";

export interface RepeatOptions {
  /** The experiment file as the user named it. */
  readonly file: string;
  readonly overrides: readonly Override[];
  readonly plan: Plan;
}

const assignment = (path: string, value: unknown): string =>
  `--set ${shellWord(`${path}=${String(value)}`)}`;

/** A search decides itself which loads it tries: of one, the whole is made again. */
export const repeatCommand = (
  run: PlannedRun,
  { file, overrides, plan }: RepeatOptions,
): string => {
  const isSearch = plan.search !== undefined;
  const point = isSearch ? [] : run.point;
  const replaced = new Set(["seed", "repetitions", ...point.map(({ path }) => path)]);
  const kept = overrides.filter(({ path }) => isSearch || !replaced.has(path));
  const words = [
    `./run experiment ${shellWord(file)} --on sim`,
    ...(isSearch ? [`--seed ${plan.seed}`] : [`--seed ${run.seed}`, "--set repetitions=1"]),
    ...kept.filter(({ path }) => path !== "seed").map(({ path, value }) => assignment(path, value)),
    ...point.map(({ path, value }) => assignment(path, value)),
  ];
  return words.join(" ");
};
