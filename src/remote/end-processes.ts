/** Ends every process of an experiment: SIGTERM, a grace, SIGKILL, again until nothing is left. */
import { kill } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { findOwned, type Ownership, type TableEntry } from "#remote/process-table.ts";

/** How often the process table is read while processes are expected to end. */
const POLL_MS = 20;
/** SIGKILL works at once except on processes stuck in the kernel; those are reported as survivors after this long. */
const KILL_LIMIT_MS = 3000;

const send = (entry: TableEntry, signal: "SIGTERM" | "SIGCONT" | "SIGKILL"): void => {
  try {
    kill(entry.pid, signal);
  } catch {
    // It ended in the meantime, which is what we wanted.
  }
};

interface Phase {
  readonly ownership: Ownership;
  readonly limitMs: number;
  readonly act: (entry: TableEntry) => void;
  /** Called at every look at the process table. */
  readonly onPoll: () => void;
}

/** Acts once on each process that appears, until none is left or the limit has passed; returns what is left. */
const runPhase = async (phase: Phase, seen: Set<string>): Promise<readonly TableEntry[]> => {
  const end = performance.now() + phase.limitMs;
  const acted = new Set<string>();
  for (;;) {
    phase.onPoll();
    const left = findOwned(phase.ownership);
    for (const entry of left) {
      const key = `${entry.pid}/${entry.startTicks}`;
      seen.add(key);
      if (!acted.has(key)) phase.act(entry);
      acted.add(key);
    }
    if (left.length === 0 || performance.now() >= end) return left;
    await delay(POLL_MS);
  }
};

export interface EndOptions {
  readonly ownership: Ownership;
  readonly graceMs: number;
  /** Called at every look at the process table, to reap orphans. */
  readonly onPoll?: () => void;
}

/** Resolves when nothing is left, or to the processes that survived SIGKILL. */
export const endProcesses = async (
  options: EndOptions,
): Promise<{ readonly ended: number; readonly survivors: readonly TableEntry[] }> => {
  const { ownership, graceMs } = options;
  const onPoll = options.onPoll ?? ((): void => undefined);
  const seen = new Set<string>();
  const terminate = (entry: TableEntry): void => {
    send(entry, "SIGTERM");
    // A stopped process takes its SIGTERM only once it runs again.
    send(entry, "SIGCONT");
  };
  await runPhase({ ownership, limitMs: graceMs, act: terminate, onPoll }, seen);
  const killHard = (entry: TableEntry): void => send(entry, "SIGKILL");
  const survivors = await runPhase(
    { ownership, limitMs: KILL_LIMIT_MS, act: killHard, onPoll },
    seen,
  );
  return { ended: seen.size - survivors.length, survivors };
};
