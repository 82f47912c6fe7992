/** The live figures of several load generators as one: counters are summed, the latency is that of the slowest. */
import type { StatusLine } from "#telemetry/status-line.ts";

type ProgressLine = Extract<StatusLine, { readonly event: "progress" }>;

/** Counters of a run. `p99_ms` is the worst of the generators': percentiles cannot be added up. */
export interface LiveCounters extends Omit<ProgressLine, "event"> {
  /** Load generators that the counters are of. */
  readonly generators: number;
}

const sumOf = (lines: readonly ProgressLine[], of: (line: ProgressLine) => number): number =>
  lines.reduce((sum, line) => sum + of(line), 0);

const latestOf = (instants: readonly string[]): string =>
  instants.reduce((latest, each) => (BigInt(each) > BigInt(latest) ? each : latest), "0");

const merge = (lines: readonly ProgressLine[], generators: number): LiveCounters => {
  const latencies = lines.flatMap(({ p99_ms }) => (p99_ms === null ? [] : [p99_ms]));
  return {
    at_ns: latestOf(lines.map(({ at_ns }) => at_ns)),
    scheduled: sumOf(lines, (line) => line.scheduled),
    sent: sumOf(lines, (line) => line.sent),
    ok: sumOf(lines, (line) => line.ok),
    good: sumOf(lines, (line) => line.good),
    failed: sumOf(lines, (line) => line.failed),
    unknown: sumOf(lines, (line) => line.unknown),
    dropped: sumOf(lines, (line) => line.dropped),
    outstanding: sumOf(lines, (line) => line.outstanding),
    rate_per_s: sumOf(lines, (line) => line.rate_per_s),
    goodput_per_s: sumOf(lines, (line) => line.goodput_per_s),
    p99_ms: latencies.length === 0 ? null : Math.max(...latencies),
    generators,
  };
};

/** Takes every generator's line, about once a second each, and gives the figures of all once each has spoken. */
export class LiveCounterSum {
  readonly #generators: number;
  readonly #latest = new Map<string, ProgressLine>();
  /** Who has spoken since figures were given last. */
  readonly #heard = new Set<string>();

  constructor(generators: number) {
    this.#generators = generators;
  }

  /** Null while lines of others are awaited; one that speaks twice waits no longer for those that are silent. */
  add(name: string, line: ProgressLine): LiveCounters | null {
    const isAgain = this.#heard.has(name);
    this.#latest.set(name, line);
    this.#heard.add(name);
    if (!isAgain && this.#heard.size < this.#generators) return null;
    this.#heard.clear();
    return merge([...this.#latest.values()], this.#generators);
  }
}
