/**
 * When an undisturbed run counts as clean: by the kernel's own counters alone, so that no detector judges itself.
 * A clean run that is not VALID is a false alarm; a run that the rule rejects says nothing.
 */
import type { Disturbance } from "./kernel-counters.ts";

/** Shares of the measurement window. */
export const CLEAN_BOUNDS = {
  /**
   * A trial's own roles wait for each other's processor for 10 % of the window on two otherwise idle processors (the
   * smallest of some eighty trials: 10.4 %), so that as much again from others is still less than what the run does to
   * itself twice over. Beyond, others had a processor when ours wanted it for a tenth of the time.
   */
  cpuPressureShare: 0.2,
  /** A quiet machine with memory to spare never waits for it; one hundredth is 30 ms in all. */
  memoryPressureShare: 0.01,
  /** Logs are written every 0.5 s and take below 1 ms each when nobody else writes; others' writes hold up only those. */
  ioPressureShare: 0.05,
  /**
   * Summed over all processors, in ticks of 10 ms: 90 ms of a window of 3 s. On an otherwise idle machine with
   * neighbours, 20 runs saw 0 to 260 ms, and half of them more than 75 ms.
   */
  stealShare: 0.03,
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
