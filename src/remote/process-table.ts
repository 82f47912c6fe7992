/** Finds the living processes of an experiment in /proc: by descent from a supervisor and by their environment. */
import { readdirSync, readFileSync } from "node:fs";
import { MARKER_VARIABLE } from "#remote/remote.ts";

/** One living process, as the kernel describes it. */
export interface TableEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Kernel ticks since boot at its start: with the pid, it names the process even after the pid was used again. */
  readonly startTicks: number;
  readonly command: string;
}

/** What makes a process ours. */
export interface Ownership {
  /** Value of `MARKER_VARIABLE`. */
  readonly marker: string;
  /** Descendants of this process are ours as well; null when there is no such process. */
  readonly ancestorPid: number | null;
  /** Never ours, such as the process that asks. */
  readonly except: ReadonlySet<number>;
}

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process ended since the listing, or it belongs to another user and so is not ours.
    return null;
  }
};

/** Splits `/proc/PID/stat`: the name in parentheses may itself contain spaces and parentheses. */
const parseStat = (
  text: string,
): { state: string; parentPid: number; startTicks: number } | null => {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid] = fields;
  const startTicks = fields[19];
  if (state === undefined || parentPid === undefined || startTicks === undefined) return null;
  return { state, parentPid: Number(parentPid), startTicks: Number(startTicks) };
};

const readEntry = (pid: number): TableEntry | null => {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat === null ? null : parseStat(stat);
  // A zombie runs nothing: it only waits for its parent to notice.
  if (fields === null || fields.state === "Z" || fields.state === "X") return null;
  const command = (readText(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").trim();
  return { pid, parentPid: fields.parentPid, startTicks: fields.startTicks, command };
};

const carriesMarker = (pid: number, marker: string): boolean =>
  (readText(`/proc/${pid}/environ`) ?? "").split("\0").includes(`${MARKER_VARIABLE}=${marker}`);

/** Every living process on this machine; empty where there is no /proc. */
const readTable = (): readonly TableEntry[] => {
  let names: readonly string[] = [];
  try {
    names = readdirSync("/proc");
  } catch {
    // Not Linux: only process groups can be ended there.
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readEntry(Number(name)))
    .filter((entry) => entry !== null);
};

const descendantsOf = (table: readonly TableEntry[], ancestorPid: number): ReadonlySet<number> => {
  const found = new Set([ancestorPid]);
  let grew = true;
  while (grew) {
    const before = found.size;
    for (const entry of table) if (found.has(entry.parentPid)) found.add(entry.pid);
    grew = found.size > before;
  }
  found.delete(ancestorPid);
  return found;
};

/** The living processes that are ours, by pid. */
export const findOwned = (ownership: Ownership): readonly TableEntry[] => {
  const table = readTable();
  const { ancestorPid, except, marker } = ownership;
  const descendants = ancestorPid === null ? new Set<number>() : descendantsOf(table, ancestorPid);
  return table.filter(
    ({ pid }) =>
      pid !== ancestorPid &&
      !except.has(pid) &&
      (descendants.has(pid) || carriesMarker(pid, marker)),
  );
};
