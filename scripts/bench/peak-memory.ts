/** The largest resident size of a process so far. */
import { readFileSync } from "node:fs";

/** In MiB, of this program alone: the kernel's `ru_maxrss` begins with that of whoever started it. */
export const peakMiB = (pid: number | "self" = "self"): number => {
  const [, kib = ""] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
};
