/** The kernel's own counters of disturbance, read by the suite itself and not by what it tests. */
import { readFileSync } from "node:fs";

/** Totals since boot; null where the kernel does not count it. */
export interface KernelCounters {
  /** Some task was ready to run and had no processor, µs. */
  readonly cpuPressureUs: number | null;
  /** Some task waited for memory, µs. */
  readonly memoryPressureUs: number | null;
  /** Some task waited for a disk, µs. */
  readonly ioPressureUs: number | null;
  /** Processor time that the hypervisor gave to others, summed over processors, ms; counted in steps of 10 ms. */
  readonly stealMs: number | null;
}

/** How the counters grew over a span. */
export interface Disturbance extends KernelCounters {
  readonly spanMs: number;
}

/** User-space ticks per second of /proc/stat: fixed at 100 on every Linux that we know. */
const MS_PER_TICK = 10;
/** "cpu user nice system idle iowait irq softirq steal …" */
const STEAL_FIELD = 8;

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The kernel was built without it.
    return null;
  }
};

/** "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" and more lines; null when there is no such line. */
export const parsePressure = (text: string | null): number | null => {
  const total = /^some .*\btotal=(\d+)$/m.exec(text ?? "")?.[1];
  return total === undefined ? null : Number(total);
};

export const parseSteal = (stat: string | null): number | null => {
  const ticks = /^cpu +(.*)$/m.exec(stat ?? "")?.[1]?.split(" ")[STEAL_FIELD - 1];
  return ticks === undefined ? null : Number(ticks) * MS_PER_TICK;
};

export const readKernelCounters = (): KernelCounters => ({
  cpuPressureUs: parsePressure(readText("/proc/pressure/cpu")),
  memoryPressureUs: parsePressure(readText("/proc/pressure/memory")),
  ioPressureUs: parsePressure(readText("/proc/pressure/io")),
  stealMs: parseSteal(readText("/proc/stat")),
});

const grown = (from: number | null, to: number | null): number | null =>
  from === null || to === null ? null : to - from;

export const disturbanceOf = (
  from: KernelCounters,
  to: KernelCounters,
  spanMs: number,
): Disturbance => ({
  spanMs,
  cpuPressureUs: grown(from.cpuPressureUs, to.cpuPressureUs),
  memoryPressureUs: grown(from.memoryPressureUs, to.memoryPressureUs),
  ioPressureUs: grown(from.ioPressureUs, to.ioPressureUs),
  stealMs: grown(from.stealMs, to.stealMs),
});
