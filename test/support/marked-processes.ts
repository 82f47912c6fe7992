/** Looks for living processes of an experiment in /proc, with code of its own: it checks the product's. */
import { readdirSync, readFileSync } from "node:fs";

const isAlive = (pid: string): boolean => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return !["Z", "X"].includes(stat[stat.lastIndexOf(")") + 2] ?? "X");
};

/** "pid command" of every living process that was started with ESCAPEMENT_RUN_ID=`marker` in its environment. */
export const markedProcesses = (marker: string): readonly string[] =>
  readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      if (!environment.includes(`ESCAPEMENT_RUN_ID=${marker}`) || !isAlive(pid)) return [];
      return [
        `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim()}`,
      ];
    } catch {
      return [];
    }
  });

/** Resolves to the milliseconds until `condition` holds; throws with `what` when it does not within `limitMs`. */
export const waitUntil = async (
  condition: () => boolean | Promise<boolean>,
  { limitMs, what }: { readonly limitMs: number; readonly what: string },
): Promise<number> => {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await Bun.sleep(10);
  }
  return performance.now() - start;
};
