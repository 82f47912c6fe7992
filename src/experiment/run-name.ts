/** Names of runs: folder names that say the point and the repetition, "00-slo=25ms-rep=1". */
import type { Point } from "#experiment/resolved.ts";

/** Leaves room for suffixes below the 255 bytes that file systems allow. */
const NAME_LENGTH_MAX = 120;

const shortValue = (value: string | number | boolean): string => {
  const text = String(value);
  const rate = /^([\d.e+-]+)\/([a-z]+)$/i.exec(text);
  if (rate !== null) return `${rate[1]}-per-${rate[2]}`;
  return text.slice(text.lastIndexOf("/") + 1);
};

/** The path without its section. */
const ownPath = (path: string): string => path.slice(path.indexOf(".") + 1);

const shortPath = (path: string, point: Point): string => {
  const isShared = point.filter((other) => ownPath(other.path) === ownPath(path)).length > 1;
  return isShared ? path : ownPath(path).replace(/^models\./, "");
};

/** The point in a few words, "slo=25ms-rate=1000-per-s"; empty for the only point of no sweep. */
const pointName = (point: Point): string =>
  point
    .map(({ path, value }) => `${shortPath(path, point)}=${shortValue(value)}`)
    .join("-")
    .replaceAll(/[^A-Za-z0-9._=+-]/g, "_");

export interface RunPlace {
  /** 0-based position in the plan. */
  readonly index: number;
  /** Runs in the plan; decides how many digits an index has. */
  readonly count: number;
  readonly point: Point;
  /** 1-based. */
  readonly repetition: number;
}

/** A name that is unique in its plan, safe as a folder's name, and sorts in the order of running. */
export const runName = ({ index, count, point, repetition }: RunPlace): string => {
  const digits = Math.max(2, String(count - 1).length);
  const prefix = String(index).padStart(digits, "0");
  const suffix = `rep=${repetition}`;
  const room = NAME_LENGTH_MAX - prefix.length - suffix.length - 2;
  return [prefix, pointName(point).slice(0, room), suffix].filter((each) => each !== "").join("-");
};
