/** What our controller achieves beside what the original achieved, row by row, and which of the goals are met. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../step.ts";
import { median } from "./summary.ts";

export const CAPACITY_LOADS = ["closed", "open", "overload", "echo", "idle"] as const;
export type CapacityLoad = (typeof CAPACITY_LOADS)[number];

/** One line of the table, measured as often as one likes. */
export interface CapacityRow {
  readonly scheduler: string;
  readonly gpus: number;
  readonly load: CapacityLoad;
}

/** One measurement of a row; latencies, of successes, are null when there was none. */
export interface CapacityFigures {
  readonly responses_per_s: number;
  readonly goodput_per_s: number;
  readonly in_slo_percent: number | null;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly p999_ms: number | null;
  readonly max_ms: number | null;
  readonly controller_cores: number;
  readonly worker_cores: number;
  readonly client_cores: number;
  readonly controller_mb: number;
}

type Figure = keyof CapacityFigures;

interface Column {
  readonly figure: Figure;
  readonly head: string;
  readonly digits: number;
  /** What is asked of ours, beside the original's: at least as much, or at most. */
  readonly goal?: "least" | "most";
}

const RESPONSES: Column = { figure: "responses_per_s", head: "responses/s", digits: 0 };

const COLUMNS: readonly Column[] = [
  RESPONSES,
  { figure: "goodput_per_s", head: "goodput/s", digits: 0, goal: "least" },
  { figure: "in_slo_percent", head: "in SLO %", digits: 1, goal: "least" },
  { figure: "p50_ms", head: "p50 ms", digits: 1 },
  { figure: "p99_ms", head: "p99", digits: 1, goal: "most" },
  { figure: "p999_ms", head: "p99.9", digits: 1 },
  { figure: "max_ms", head: "max", digits: 1 },
  { figure: "controller_cores", head: "controller cores", digits: 2, goal: "most" },
  { figure: "worker_cores", head: "worker", digits: 2 },
  { figure: "client_cores", head: "client", digits: 2 },
  { figure: "controller_mb", head: "controller MB", digits: 0 },
];

/** Without scheduling there is nothing else to achieve. */
const ECHO_COLUMNS: readonly Column[] = COLUMNS.map((column) =>
  column.figure === "responses_per_s" ? { ...column, goal: "least" } : column,
);

const columnsOf = ({ load }: CapacityRow): readonly Column[] =>
  load === "echo" ? ECHO_COLUMNS : COLUMNS;

/** A cell as it is printed: "774 (770-778)"; absent where nothing was measured. */
interface Spread {
  readonly text: string;
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

const ORIGINAL_FILE = "scripts/bench/original-capacity.csv";

const parseSpread = (text: string): Spread | null => {
  const match = /^([\d.]+)(?: \(([\d.]+)-([\d.]+)\))?$/.exec(text);
  if (match === null) return null;
  const middle = Number(match[1]);
  return { text, middle, low: Number(match[2] ?? middle), high: Number(match[3] ?? middle) };
};

interface OriginalRow {
  readonly n: string;
  readonly figures: ReadonlyMap<string, Spread>;
}

const keyOf = ({ scheduler, gpus, load }: CapacityRow): string => `${scheduler},${gpus},${load}`;

const parseOriginal = (text: string): ReadonlyMap<string, OriginalRow> => {
  const [head = "", ...rows] = text
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("#"));
  const names = head.split(",");
  const entries = rows.map((row): [string, OriginalRow] => {
    const cells = row.split(",");
    const figures = new Map<string, Spread>();
    for (const [index, name] of names.entries()) {
      const spread = parseSpread(cells[index] ?? "");
      if (spread !== null) figures.set(name, spread);
    }
    return [cells.slice(0, 3).join(","), { n: cells[3] ?? "", figures }];
  });
  return new Map(entries);
};

const readOriginal = (): ReadonlyMap<string, OriginalRow> =>
  parseOriginal(readFileSync(join(ROOT, ORIGINAL_FILE), "utf8"));

const spreadOf = (runs: readonly CapacityFigures[], { figure, digits }: Column): Spread | null => {
  const values = runs.map((run) => run[figure]).filter((value) => value !== null);
  if (values.length === 0) return null;
  const show = (value: number): string => value.toFixed(digits);
  const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)];
  const text = `${show(middle)} (${show(low)}-${show(high)})`;
  // What is printed decides: a difference that nobody can read is none.
  return { text, middle: Number(show(middle)), low, high };
};

export type Mark = "met" | "within" | "missed";

const MARKS: Readonly<Record<Mark, string>> = { met: " ✓", within: " ≈", missed: " ✗" };

/** Our median against the original's, or against the worst of its runs. */
const judge = (goal: "least" | "most", ours: Spread, original: Spread): Mark => {
  const isMet = (bound: number): boolean =>
    goal === "least" ? ours.middle >= bound : ours.middle <= bound;
  if (isMet(original.middle)) return "met";
  return isMet(goal === "least" ? original.low : original.high) ? "within" : "missed";
};

/**
 * The original's goodput, had its client drawn as few arrivals as ours: in an open loop a seed, and not the controller,
 * decides how many there are. What is lost of them shows in the share.
 */
const openGoodput = (theirs: Spread, ours: Spread | null, original: Spread | undefined): Spread => {
  if (ours === null || original === undefined) return theirs;
  const factor = Math.min(1, ours.middle / original.middle);
  const [middle, low, high] = [theirs.middle, theirs.low, theirs.high].map((each) =>
    Math.floor(each * factor),
  ) as [number, number, number];
  return { text: theirs.text, middle, low, high };
};

export interface CapacityGroup {
  readonly row: CapacityRow;
  readonly runs: readonly CapacityFigures[];
}

interface Judged {
  readonly lines: readonly (readonly string[])[];
  readonly goals: readonly { readonly mark: Mark; readonly text: string }[];
}

const judgeGroup = (
  { row, runs }: CapacityGroup,
  originals: ReadonlyMap<string, OriginalRow>,
): Judged => {
  const original = originals.get(keyOf(row));
  const goals: { mark: Mark; text: string }[] = [];
  const responses = spreadOf(runs, RESPONSES);
  const cells = columnsOf(row).map((column) => {
    const ours = spreadOf(runs, column);
    const theirs = original?.figures.get(column.figure);
    if (ours === null) return "";
    if (theirs === undefined || column.goal === undefined) return ours.text;
    const isOpenGoodput = row.load === "open" && column.figure === "goodput_per_s";
    const bound = isOpenGoodput
      ? openGoodput(theirs, responses, original?.figures.get("responses_per_s"))
      : theirs;
    const mark = judge(column.goal, ours, bound);
    const where = `${row.scheduler}, ${row.gpus} GPUs, ${row.load}`;
    goals.push({
      mark,
      text: `${where}: ${column.head} ${ours.text}, the original's ${theirs.text}`,
    });
    return `${ours.text}${MARKS[mark]}`;
  });
  const name = [row.scheduler, String(row.gpus), row.load];
  const theirs = COLUMNS.map(({ figure }) => original?.figures.get(figure)?.text ?? "");
  const lines = [
    [...name, "ours", String(runs.length), ...cells],
    ...(original === undefined ? [] : [["", "", "", "original", original.n, ...theirs]]),
  ];
  return { lines, goals };
};

const HEAD = ["scheduler", "GPUs", "load", "", "n", ...COLUMNS.map(({ head }) => head)];

/** A Markdown table, ours above the original's, and below it every goal that is not met. */
export const formatCapacity = (groups: readonly CapacityGroup[]): string => {
  const originals = readOriginal();
  const judged = groups.map((group) => judgeGroup(group, originals));
  const goals = judged.flatMap((each) => each.goals);
  const table = [HEAD, HEAD.map(() => "---"), ...judged.flatMap(({ lines }) => lines)];
  const rows = table.map((cells) => `| ${cells.join(" | ")} |`);
  const count = (mark: Mark): number => goals.filter((goal) => goal.mark === mark).length;
  const open = goals.filter(({ mark }) => mark !== "met");
  return [
    ...rows,
    "",
    `Of ${goals.length} goals ${count("met")} are met (✓), ${count("within")} lie within the range of the original's runs (≈), ${count("missed")} are missed (✗).`,
    ...open.map(({ mark, text }) => `-${MARKS[mark]} ${text}`),
  ].join("\n");
};
