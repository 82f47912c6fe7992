/**
 * Samples what the kernel counts of this host and of the processes under a supervisor, ten times a second while there is
 * at least one. A sample costs about 0.1 ms: files stay open and are read in place, and nothing is computed from them.
 * What a system does not have is null, never a failure.
 */
import { cpus } from "node:os";
import { pid as ownPid } from "node:process";
import { openHostClocks } from "#remote/host-clocks.ts";
import { KernelFile } from "#remote/kernel-file.ts";
import type { HostSample, ProcessSample } from "#remote/remote.ts";
import { Throttling } from "#remote/throttling.ts";

const PERIOD_MS = 100;
/** Processes rarely change their control group. */
const SAMPLES_PER_GROUP_SEARCH = 10;
/** The kernel's unit towards programs, on every architecture that matters here. */
const NS_PER_TICK = 10_000_000;
const NS_PER_US = 1000;
const PRESSURES = ["cpu", "memory", "io"] as const;

/** From the text of /proc/stat: all that is not idle, and what other machines on the same hardware took. */
export const parseCpuLine = (stat: string): { busyNs: number; stealNs: number } | null => {
  const line = /^cpu +([\d ]+)$/m.exec(stat)?.[1];
  if (line === undefined) return null;
  const [user, nice, system, , , irq, softIrq, steal] = line.split(" ").map(Number);
  const busy = [user, nice, system, irq, softIrq].reduce<number>((sum, n) => sum + (n ?? 0), 0);
  return { busyNs: busy * NS_PER_TICK, stealNs: (steal ?? 0) * NS_PER_TICK };
};

/** From the text of /proc/pressure/…: how long at least one task has waited, in ns. */
export const parsePressure = (text: string): number | null => {
  const total = /^some .*total=(\d+)$/m.exec(text)?.[1];
  return total === undefined ? null : Number(total) * NS_PER_US;
};

/** From the texts of /proc/PID/stat and /proc/PID/schedstat; null where the first is none. */
export const parseProcess = (
  stat: string,
  schedStat: string,
  pageBytes: number,
): Omit<ProcessSample, "process" | "pid"> | null => {
  const nameEnd = stat.lastIndexOf(")");
  if (nameEnd < 0) return null;
  const fields = stat.slice(nameEnd + 2).split(" ");
  const [run, delay] = schedStat.split(" ");
  const at = (index: number): number => Number(fields[index] ?? 0);
  return {
    state: fields[0] ?? "?",
    cpuNs: (at(11) + at(12)) * NS_PER_TICK,
    runNs: run === undefined || delay === undefined ? null : Number(run),
    runDelayNs: delay === undefined ? null : Number(delay),
    rssBytes: at(21) * pageBytes,
    majorFaults: at(9),
  };
};

interface WatchedProcess {
  readonly pid: number;
  readonly stat: KernelFile | null;
  readonly schedStat: KernelFile | null;
}

/** Files and clocks of one time of sampling, from the first process to the last. */
class Sampling {
  readonly #clocks = openHostClocks();
  readonly #start = this.#clocks.read();
  readonly #cpuCount = cpus().length;
  readonly #stat = KernelFile.open("/proc/stat");
  readonly #pressures = PRESSURES.map((name) => KernelFile.open(`/proc/pressure/${name}`));
  readonly #throttling = new Throttling();
  readonly #processes = new Map<string, WatchedProcess>();
  readonly #timer: ReturnType<typeof setInterval>;
  #samples = 0;

  constructor(onSample: (sample: HostSample) => void) {
    this.#throttling.add(ownPid);
    this.#timer = setInterval(() => onSample(this.#take()), PERIOD_MS);
  }

  get size(): number {
    return this.#processes.size;
  }

  add(name: string, pid: number): void {
    const stat = KernelFile.open(`/proc/${pid}/stat`);
    const schedStat = KernelFile.open(`/proc/${pid}/schedstat`);
    this.#processes.set(name, { pid, stat, schedStat });
    this.#throttling.add(pid);
  }

  remove(name: string): void {
    const watched = this.#processes.get(name);
    watched?.stat?.close();
    watched?.schedStat?.close();
    if (watched !== undefined) this.#throttling.remove(watched.pid);
    this.#processes.delete(name);
  }

  /** Once no process is left. */
  close(): void {
    clearInterval(this.#timer);
    for (const file of [this.#stat, ...this.#pressures]) file?.close();
    this.#throttling.close();
  }

  #take(): HostSample {
    this.#samples += 1;
    if (this.#samples % SAMPLES_PER_GROUP_SEARCH === 0) this.#throttling.search();
    const { realtimeNs, monotonicNs } = this.#clocks.read();
    const cpu = parseCpuLine(this.#stat?.read() ?? "");
    const [cpuPressureNs, memoryPressureNs, ioPressureNs] = this.#pressures.map((file) =>
      parsePressure(file?.read() ?? ""),
    );
    const throttled = this.#throttling.read();
    return {
      // As a role's clock: it does not follow the wall clock when that is set.
      atNs: String(this.#start.realtimeNs + monotonicNs - this.#start.monotonicNs),
      realtimeNs: String(realtimeNs),
      monotonicNs: String(monotonicNs),
      cpuCount: this.#cpuCount,
      cpuBusyNs: cpu?.busyNs ?? null,
      cpuStealNs: cpu?.stealNs ?? null,
      cpuPressureNs: cpuPressureNs ?? null,
      memoryPressureNs: memoryPressureNs ?? null,
      ioPressureNs: ioPressureNs ?? null,
      throttledNs: throttled?.ns ?? null,
      throttledPeriods: throttled?.periods ?? null,
      processes: this.#takeProcesses(),
    };
  }

  #takeProcesses(): readonly ProcessSample[] {
    const samples: ProcessSample[] = [];
    for (const [process, { pid, stat, schedStat }] of this.#processes) {
      const { pageBytes } = this.#clocks;
      const counts = parseProcess(stat?.read() ?? "", schedStat?.read() ?? "", pageBytes);
      if (counts !== null) samples.push({ process, pid, ...counts });
    }
    return samples;
  }
}

/** Owned by a supervisor, which says which processes there are. */
export class HostSampler {
  readonly #onSample: (sample: HostSample) => void;
  #sampling: Sampling | null = null;

  constructor(onSample: (sample: HostSample) => void) {
    this.#onSample = onSample;
  }

  add(name: string, pid: number): void {
    this.#sampling ??= new Sampling(this.#onSample);
    this.#sampling.add(name, pid);
  }

  /** With the last process the sampling ends. */
  remove(name: string): void {
    this.#sampling?.remove(name);
    if (this.#sampling?.size !== 0) return;
    this.#sampling.close();
    this.#sampling = null;
  }
}
