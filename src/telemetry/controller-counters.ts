/** What a controller has done so far, in numbers, in the text format that Prometheus and its like read. */
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { STATUS } from "#serving/status.ts";

/** Upper ends of latency buckets, in ms: the original's default SLO of 100 ms is one of them. */
const LATENCY_BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500] as const;

const seconds = (ns: number): string => String(ns / 1e9);

/** Numbers that are true at an instant, beside the counts. */
export interface ControllerGauges {
  readonly clients: number;
  readonly workers: number;
}

/** One name with its help, its type, and a value for each set of labels (as text, or "" for none). */
const family = (
  head: { readonly name: string; readonly type: "counter" | "gauge"; readonly help: string },
  values: Iterable<readonly [labels: string, value: number | string]>,
): readonly string[] => [
  `# HELP ${head.name} ${head.help}`,
  `# TYPE ${head.name} ${head.type}`,
  ...[...values].map(
    ([labels, value]) => `${head.name}${labels === "" ? "" : `{${labels}}`} ${value}`,
  ),
];

const bump = (counts: Map<string, number>, labels: string, by = 1): void => {
  counts.set(labels, (counts.get(labels) ?? 0) + by);
};

/** Takes every record once; grows with the number of GPUs and of status codes, not with time. */
export class ControllerCounters {
  readonly #requests = new Map<string, number>();
  readonly #actions = new Map<string, number>();
  readonly #deviceNs = new Map<string, number>();
  /** Successes by bucket, not cumulated; the last one is beyond all ends. */
  readonly #latencies: number[] = Array.from({ length: LATENCY_BUCKETS_MS.length + 1 }, () => 0);
  #latencySumNs = 0;
  #inTime = 0;

  onRequest(record: RequestRecord): void {
    bump(this.#requests, `result="${record.result}"`);
    if (record.result !== STATUS.SUCCESS) return;
    const latency = record.departure - record.arrival;
    if (record.slo === null || latency <= record.slo) this.#inTime += 1;
    this.#latencySumNs += latency;
    const found = LATENCY_BUCKETS_MS.findIndex((end) => latency <= end * 1e6);
    const bucket = found === -1 ? LATENCY_BUCKETS_MS.length : found;
    this.#latencies[bucket] = (this.#latencies[bucket] ?? 0) + 1;
  }

  onAction(record: ActionRecord): void {
    const { worker, gpuId, action, status, workerDuration } = record;
    const place = `worker="${worker}",gpu="${gpuId}",action="${action}"`;
    bump(this.#actions, `${place},status="${status}"`);
    if (workerDuration !== null) bump(this.#deviceNs, place, workerDuration);
  }

  /** The page, which ends in a line feed. */
  text(gauges: ControllerGauges): string {
    const counter = (name: string, help: string, values: Iterable<readonly [string, number]>) =>
      family({ name: `escapement_${name}`, type: "counter", help }, values);
    const gauge = (name: string, help: string, value: number) =>
      family({ name: `escapement_${name}`, type: "gauge", help }, [["", value]]);
    const lines = [
      ...counter(
        "requests_total",
        "Inference requests that ended, by status code.",
        this.#requests,
      ),
      ...counter("requests_in_time_total", "Requests that succeeded within their SLO.", [
        ["", this.#inTime],
      ]),
      ...this.#histogram(),
      ...counter("actions_total", "Actions that ended, by place, kind and status.", this.#actions),
      ...counter(
        "device_seconds_total",
        "Time that devices spent on actions, by place and kind.",
        [...this.#deviceNs].map(([labels, ns]) => [labels, ns / 1e9] as const),
      ),
      ...gauge("connected_clients", "Connections of clients.", gauges.clients),
      ...gauge("connected_workers", "Workers that are connected.", gauges.workers),
    ];
    return `${lines.join("\n")}\n`;
  }

  #histogram(): readonly string[] {
    const name = "escapement_request_latency_seconds";
    const lines = [
      `# HELP ${name} From a request's arrival to its response, of requests that succeeded.`,
      `# TYPE ${name} histogram`,
    ];
    let count = 0;
    for (const [index, inBucket] of this.#latencies.entries()) {
      count += inBucket;
      const end = LATENCY_BUCKETS_MS[index];
      lines.push(`${name}_bucket{le="${end === undefined ? "+Inf" : end / 1000}"} ${count}`);
    }
    return [...lines, `${name}_sum ${seconds(this.#latencySumNs)}`, `${name}_count ${count}`];
  }
}
