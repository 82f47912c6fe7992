/** The report's part on a search for a capacity: charts, what was found at each point, and the path there. */
import type { TopLevelSpec } from "vega-lite";
import type { Capacity } from "#judge/capacity.ts";
import { capacityAlt, capacityChart } from "#report/capacity-chart.ts";
import {
  describeCapacity,
  effortText,
  exceptionText,
  loadText,
  observedText,
  pointText,
  reasonText,
  shortCapacity,
  stateText,
} from "#report/capacity-text.ts";
import { plural } from "#report/format.ts";
import { details, image, left, paragraphs, right, table } from "#report/markdown.ts";
import type { ReportInput } from "#report/model.ts";

/** Beyond so many searches, charts and paths are folded, and the answer is a table. */
const OPEN_SEARCHES = 3;

export interface CapacityChart {
  readonly file: string;
  readonly alt: string;
  readonly spec: TopLevelSpec;
}

/** The charts of every search by its position, one for each goal. */
export const capacityCharts = ({
  capacities,
  analysis,
}: ReportInput): readonly (readonly CapacityChart[])[] =>
  capacities.map((capacity, position) =>
    capacity.goals.flatMap((goal, index) => {
      const titles = analysis.metricTitles;
      const subtitle = [pointText(capacity), effortText(capacity)].filter((part) => part !== "");
      const spec = capacityChart(capacity, goal, { titles, subtitle: subtitle.join("; ") });
      const file = `capacity-${position + 1}${index === 0 ? "" : `-${goal.metric}`}.svg`;
      return spec === null ? [] : [{ file, alt: capacityAlt(capacity, titles), spec }];
    }),
  );

/** What all searches found, for the first paragraph. */
export const capacityAnswer = ({ capacities, analysis }: ReportInput): string => {
  const titles = analysis.metricTitles;
  const [first] = capacities;
  if (first === undefined) return "";
  if (capacities.length === 1) return describeCapacity(first, titles);
  if (capacities.length <= OPEN_SEARCHES) {
    return capacities
      .map((capacity) => `With ${pointText(capacity)}: ${describeCapacity(capacity, titles)}`)
      .join(" ");
  }
  const ends = [first, capacities.at(-1) ?? first];
  const told = ends.map((each) => `${shortCapacity(each)} with ${pointText(each)}`);
  return `The capacity was searched for at ${plural(capacities.length, "point")}, from **${told[0]}** to **${told[1]}**; all are in the table below.`;
};

const summaryTable = ({ capacities }: ReportInput): string =>
  capacities.length < 2
    ? ""
    : table(
        [left("Point"), left("Capacity"), right("Runs")],
        capacities.map((capacity) => [
          pointText(capacity),
          shortCapacity(capacity),
          String(capacity.trials.length),
        ]),
      );

const pathTable = (capacity: Capacity, { analysis }: ReportInput): string =>
  table(
    [left("Run"), right("Load"), left("Why"), left("Observed"), left("The load in the end")],
    capacity.trials.map((trial) => [
      `\`${trial.run.name}\``,
      loadText(capacity, trial.load),
      reasonText(trial),
      exceptionText(trial) ?? observedText(capacity, trial, analysis.metricTitles),
      stateText(capacity, trial.load),
    ]),
  );

const METHOD =
  "The load is doubled until it misses a goal, then the bracket is halved, then both ends are confirmed by three runs each. One run decides where that is clear; elsewhere Student's one-sided interval of the mean over the runs does, and where that still contains the goal after all repetitions, the mean alone (not clear).";

/** Charts and paths of all searches; "" without a search. */
export const capacitySection = (
  input: ReportInput,
  charts: readonly (readonly CapacityChart[])[],
  folder: string,
): string => {
  const { capacities } = input;
  if (capacities.length === 0) return "";
  const parts = capacities.map((capacity, position) => {
    const name = pointText(capacity);
    const images = (charts[position] ?? []).map(({ alt, file }) => image(alt, `${folder}${file}`));
    const body = paragraphs([...images, pathTable(capacity, input)]);
    if (name === "") return body;
    return position < OPEN_SEARCHES
      ? paragraphs([`### ${name}: ${shortCapacity(capacity)}`, body])
      : details(`<b>${name}</b>: ${shortCapacity(capacity)}`, body);
  });
  return paragraphs(["## Capacity", summaryTable(input), ...parts, METHOD]);
};
