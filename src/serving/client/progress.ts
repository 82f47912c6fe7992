/** Counters behind the live figures of a run; they keep no request, so that a long run costs no more than a short one. */
import type { ClientProgress, ClientRecord } from "#serving/client/events.ts";
import { LatencyHistogram } from "#serving/client/latency-histogram.ts";
import { type Nanos, ns, subNs } from "#stdx/nanos.ts";

/** Totals since the start of sending, and figures of the interval since the last `take`. */
export class ProgressCounters {
  readonly #latencies = new LatencyHistogram();
  #scheduled = 0;
  #sent = 0;
  #ok = 0;
  #good = 0;
  #failed = 0;
  #unknown = 0;
  #dropped = 0;
  #intervalStart: Nanos = ns(0);
  #intervalSent = 0;
  #intervalGood = 0;

  get unknown(): number {
    return this.#unknown;
  }

  /** The first interval begins at `now`. */
  restart(now: Nanos): void {
    this.#intervalStart = now;
  }

  onScheduled(): void {
    this.#scheduled++;
  }

  onSent(): void {
    this.#sent++;
    this.#intervalSent++;
  }

  onEnded(record: ClientRecord): void {
    if (record.outcome === "ok" && record.received !== null) {
      const latency = subNs(record.received, record.scheduled);
      this.#ok++;
      this.#latencies.add(latency);
      if (latency <= record.slo) {
        this.#good++;
        this.#intervalGood++;
      }
    } else if (record.outcome === "fail") this.#failed++;
    else if (record.outcome === "dropped") this.#dropped++;
    else this.#unknown++;
  }

  /** The figures up to `now`; begins a new interval. */
  take(now: Nanos, outstanding: number): ClientProgress {
    const seconds = subNs(now, this.#intervalStart) / 1e9;
    const perS = (count: number): number => (seconds > 0 ? count / seconds : 0);
    const progress = {
      at: now,
      scheduled: this.#scheduled,
      sent: this.#sent,
      ok: this.#ok,
      good: this.#good,
      failed: this.#failed,
      unknown: this.#unknown,
      dropped: this.#dropped,
      outstanding,
      ratePerS: perS(this.#intervalSent),
      goodputPerS: perS(this.#intervalGood),
      latencyP99: this.#latencies.quantile(0.99),
    };
    this.#latencies.clear();
    this.#intervalStart = now;
    this.#intervalSent = 0;
    this.#intervalGood = 0;
    return progress;
  }
}
