/**
 * When an undisturbed run counts as clean: by the kernel's own counters alone, so that no detector judges itself.
 * A clean run that is not VALID is a false alarm; a run that the rule rejects says nothing.
 */
import type { Disturbance } from "./kernel-counters.ts";

/** Shares of the measurement window. */
export const CLEAN_BOUNDS = {
  cpuPressureShare: 0.1,
  memoryPressureShare: 0.01,
  ioPressureShare: 0.1,
  stealShare: 0.01,
} as const;

const US_PER_MS = 1000;

/** Why the run does not count as clean, each with its number; empty when it does. */
export const uncleanReasons = (seen: Disturbance | null): readonly string[] => {
  if (seen === null) return ["the run did not get through its measurement window"];
  const shares = [
    ["some task waited for a processor", seen.cpuPressureUs, CLEAN_BOUNDS.cpuPressureShare],
    ["some task waited for memory", seen.memoryPressureUs, CLEAN_BOUNDS.memoryPressureShare],
    ["some task waited for a disk", seen.ioPressureUs, CLEAN_BOUNDS.ioPressureShare],
    [
      "the hypervisor took the processors away",
      seen.stealMs === null ? null : seen.stealMs * US_PER_MS,
      CLEAN_BOUNDS.stealShare,
    ],
  ] as const;
  return shares.flatMap(([what, us, bound]) => {
    if (us === null) return [`the kernel does not count how long ${what}`];
    const share = us / US_PER_MS / seen.spanMs;
    if (share <= bound) return [];
    return [
      `${what} for ${(100 * share).toFixed(1)} % of the window (bound: ${(100 * bound).toFixed(1)} %)`,
    ];
  });
};
