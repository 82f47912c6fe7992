/** The largest resident size of this process so far. */
import { readFileSync } from "node:fs";

/** In MiB, of this program alone: the kernel's `ru_maxrss` begins with that of whoever started it. */
export const peakMiB = (): number => {
  const [, kib = ""] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) / 1024;
};
