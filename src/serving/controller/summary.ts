/** Console summaries of requests and actions, one set per interval, silence included. */
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { DEFAULT_CLOCK_MHZ, SUMMARY_INTERVAL } from "#serving/controller/options.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

/** Buckets per factor of two; a percentile is right to about 1 %. */
const BUCKETS_PER_OCTAVE = 64;

/** Count, extremes, mean and percentiles of durations in ns, in constant space per magnitude. */
class Durations {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  readonly #buckets = new Map<number, number>();

  add(value: number): void {
    this.count += 1;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    const bucket = Math.round(Math.log2(Math.max(1, value)) * BUCKETS_PER_OCTAVE);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  get mean(): number {
    return this.count === 0 ? 0 : Math.trunc(this.sum / this.count);
  }

  /** Nearest rank, to the width of a bucket. */
  percentile(fraction: number): number {
    const rank = Math.ceil(this.count * fraction);
    let seen = 0;
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return Math.min(this.max, 2 ** (bucket / BUCKETS_PER_OCTAVE));
    }
    return this.max;
  }
}

interface ActionWindow {
  readonly worker: number;
  readonly gpuId: number;
  readonly kind: "load_weights" | "infer";
  readonly durations: Durations;
  readonly endToEnd: Durations;
  readonly normalised: Durations;
  clockMin: number;
  clockMax: number;
}

const ms = (value: number, digits: number): string => (value / 1e6).toFixed(digits);

export class Summary {
  #windowStart: Nanos;
  #requests = 0;
  #inTime = 0;
  #latencies = new Durations();
  #actions = new Map<string, ActionWindow>();

  constructor(start: Nanos) {
    this.#windowStart = start;
  }

  nextTimeout(): Nanos {
    return addNs(this.#windowStart, SUMMARY_INTERVAL);
  }

  onRequest(record: RequestRecord): void {
    this.#requests += 1;
    if (record.result !== STATUS.SUCCESS) return;
    const latency = record.departure - record.arrival;
    this.#latencies.add(latency);
    if (record.slo === null || latency <= record.slo) this.#inTime += 1;
  }

  onAction(record: ActionRecord): void {
    const { action: kind, worker, gpuId } = record;
    if (record.status !== STATUS.SUCCESS || (kind !== "load_weights" && kind !== "infer")) return;
    const key = `${worker}/${gpuId}/${kind}`;
    const window = this.#actions.get(key) ?? {
      worker,
      gpuId,
      kind,
      durations: new Durations(),
      endToEnd: new Durations(),
      normalised: new Durations(),
      clockMin: record.gpuClockMhz,
      clockMax: record.gpuClockMhz,
    };
    this.#actions.set(key, window);
    const duration = record.workerDuration ?? 0;
    window.durations.add(duration);
    window.endToEnd.add(record.received - record.sent);
    window.normalised.add(Math.floor((duration * record.gpuClockMhz) / DEFAULT_CLOCK_MHZ));
    window.clockMin = Math.min(window.clockMin, record.gpuClockMhz);
    window.clockMax = Math.max(window.clockMax, record.gpuClockMhz);
  }

  /** The lines of an interval that has ended by `now`, and a new interval; nothing while it lasts. */
  takeLines(now: Nanos): readonly string[] {
    if (now < this.nextTimeout()) return [];
    const seconds = (now - this.#windowStart) / 1e9;
    const lines = [this.#requestLine(seconds)];
    // The worker and GPU ascend, and loads come before infers (action types 1 and 2).
    const order = (w: ActionWindow): number =>
      (w.worker * 2 ** 16 + w.gpuId) * 2 + (w.kind === "infer" ? 1 : 0);
    for (const window of [...this.#actions.values()].sort((a, b) => order(a) - order(b))) {
      lines.push(actionLine(window, seconds));
    }
    // Whole intervals only, so that the cadence does not drift with the lateness of timers.
    const intervals = Math.floor((now - this.#windowStart) / SUMMARY_INTERVAL);
    this.#windowStart = (this.#windowStart + intervals * SUMMARY_INTERVAL) as Nanos;
    this.#requests = 0;
    this.#inTime = 0;
    this.#latencies = new Durations();
    this.#actions = new Map();
    return lines;
  }

  #requestLine(seconds: number): string {
    const latencies = this.#latencies;
    const total = this.#requests;
    const violations = total - latencies.count;
    if (latencies.count === 0) {
      return `Client throughput=0 success=0% (${violations}/${violations} violations)`;
    }
    const violated = violations > 0 ? ` (${violations}/${total} violations)` : "";
    return (
      `Client throughput=${(latencies.count / seconds).toFixed(1)}` +
      ` success=${((100 * latencies.count) / total).toFixed(2)}%${violated}` +
      ` min=${ms(latencies.min, 1)} max=${ms(latencies.max, 1)} mean=${ms(latencies.mean, 1)}` +
      ` p50=${ms(latencies.percentile(0.5), 1)} p99=${ms(latencies.percentile(0.99), 1)}` +
      // Throughput counts successes that came too late, as the original's does.
      ` goodput=${(this.#inTime / seconds).toFixed(1)}`
    );
  }
}

const actionLine = (window: ActionWindow, seconds: number): string => {
  const { worker, gpuId, kind, durations, endToEnd, normalised } = window;
  return (
    `W${worker}-GPU${gpuId} ${kind === "infer" ? "Infer" : "LoadW"}` +
    ` min=${ms(durations.min, 2)} max=${ms(durations.max, 2)} mean=${ms(durations.mean, 2)}` +
    ` e2emean=${ms(endToEnd.mean, 2)} e2emax=${ms(endToEnd.max, 2)}` +
    ` throughput=${(durations.count / seconds).toFixed(1)}` +
    ` utilization=${(durations.sum / 1e9 / seconds).toFixed(2)}` +
    ` clock=[${window.clockMin}-${window.clockMax}]` +
    ` norm_max=${ms(normalised.max, 2)} norm_mean=${ms(normalised.mean, 2)}`
  );
};
