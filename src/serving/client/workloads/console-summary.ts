/** What the original client says every ten seconds: requests and latencies, and what went over the network. */
import { addNs, type Nanos, ns, SECOND, subNs, toMs } from "#stdx/nanos.ts";

const PERIOD = ns(10 * SECOND);
/** Of every message, beside its body; headers are not counted. */
const PRE_HEADER_BYTES = 48;
const MEBIBYTE = 2 ** 20;

interface Traffic {
  messages: number;
  bytes: number;
}

const ms = (duration: number): string => toMs(duration as Nanos).toFixed(2);

const trafficText = ({ messages, bytes }: Traffic, seconds: number): string => {
  const per = seconds > 0 ? 1 / seconds : 0;
  return `${((bytes / MEBIBYTE) * per).toFixed(1)}MB/s (${Math.trunc(messages * per)} msgs)`;
};

export class ConsoleSummary {
  #since: Nanos;
  #submitted = 0;
  #succeeded = 0;
  #everSucceeded = false;
  #latencySum = 0;
  #latencyMin = 0;
  #latencyMax = 0;
  #sent: Traffic = { messages: 0, bytes: 0 };
  #received: Traffic = { messages: 0, bytes: 0 };

  constructor(now: Nanos) {
    this.#since = now;
  }

  get nextAt(): Nanos {
    return addNs(this.#since, PERIOD);
  }

  onSend(bodyBytes: number): void {
    this.#sent.messages++;
    this.#sent.bytes += PRE_HEADER_BYTES + bodyBytes;
  }

  onReceive(bodyBytes: number): void {
    this.#received.messages++;
    this.#received.bytes += PRE_HEADER_BYTES + bodyBytes;
  }

  onSubmitted(): void {
    this.#submitted++;
  }

  onSuccess(latency: Nanos): void {
    this.#latencyMin = this.#succeeded === 0 ? latency : Math.min(this.#latencyMin, latency);
    this.#latencyMax = Math.max(this.#latencyMax, latency);
    this.#latencySum += latency;
    this.#succeeded++;
    this.#everSucceeded = true;
  }

  /** The lines of the time up to `now`, which then begins anew. */
  take(now: Nanos): readonly string[] {
    const seconds = subNs(now, this.#since) / SECOND;
    const lines = [this.#requestLine(seconds), this.#trafficLine(seconds)];
    this.#since = now;
    this.#submitted = 0;
    this.#succeeded = 0;
    this.#latencySum = 0;
    this.#latencyMax = 0;
    this.#sent = { messages: 0, bytes: 0 };
    this.#received = { messages: 0, bytes: 0 };
    return lines;
  }

  #requestLine(seconds: number): string {
    const total = `total=${this.#submitted}`;
    if (this.#succeeded === 0) return this.#everSucceeded ? `${total} throughput=0` : `${total} `;
    const throughput = (this.#succeeded / seconds).toFixed(2);
    const mean = ms(Math.trunc(this.#latencySum / this.#succeeded));
    const range = `min=${ms(this.#latencyMin)} max=${ms(this.#latencyMax)}`;
    return `${total} throughput=${throughput} ${range} mean=${mean}`;
  }

  /** With the space at its end. */
  #trafficLine(seconds: number): string {
    const [sent, received] = [this.#sent, this.#received].map((t) => trafficText(t, seconds));
    return `Client->Controller: ${sent} snd, ${received} rcv, `;
  }
}
