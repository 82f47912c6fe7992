/** The load generators of one run, taken together: they are ready, sending or drained when the last of them is. */
import type { LiveCounters } from "#runner/live-counters.ts";
import type { StopWatch } from "#runner/stop-rules.ts";
import type { StoredRun, StoredStop } from "#telemetry/results.ts";
import type { StatedModel, StatusLine } from "#telemetry/status-line.ts";

type LineOf<Event extends StatusLine["event"]> = Extract<StatusLine, { readonly event: Event }>;
export type StartedLine = LineOf<"started">;

/** What they said about the run, for `run.json`. */
export type GeneratorFacts = Pick<StoredRun, "window" | "stopped" | "models" | "expected_requests">;

type Window = NonNullable<StoredRun["window"]>;

const earlier = (a: string, b: string): string => (BigInt(a) < BigInt(b) ? a : b);

/** The sum over all; null as soon as one does not know. */
const sumOf = (counts: Iterable<number | null>): number | null => {
  let sum = 0;
  for (const count of counts) {
    if (count === null) return null;
    sum += count;
  }
  return sum;
};

/** What the generators said so far. */
export class GeneratorGroup {
  readonly #names: readonly string[];
  /** Requests expected of each. */
  readonly #expected = new Map<string, number | null>();
  /** The same, after an early end of sending. */
  readonly #expectedShortened = new Map<string, number | null>();
  readonly #started = new Set<string>();
  readonly #draining = new Set<string>();
  readonly #drained = new Set<string>();
  #models: readonly StatedModel[] = [];
  #window: Window | null = null;
  #stopped: StoredStop | null = null;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  get models(): readonly StatedModel[] {
    return this.#models;
  }

  get stopped(): StoredStop | null {
    return this.#stopped;
  }

  /** As sending went: an early end cuts it. */
  get window(): Window | null {
    const [window, stopped] = [this.#window, this.#stopped];
    if (window === null || stopped === null) return window;
    return {
      send_start_ns: window.send_start_ns,
      measure_start_ns: earlier(window.measure_start_ns, stopped.at_ns),
      measure_end_ns: earlier(window.measure_end_ns, stopped.at_ns),
      send_end_ns: earlier(window.send_end_ns, stopped.at_ns),
    };
  }

  /** Of the whole schedule, in the measurement window; null where that is not known. */
  get expectedRequests(): number | null {
    const known = this.#stopped === null ? this.#expected : this.#expectedShortened;
    return known.size === this.#names.length ? sumOf(known.values()) : null;
  }

  get facts(): GeneratorFacts {
    return {
      window: this.window,
      stopped: this.#stopped,
      models: this.#models.map(({ model, model_id }) => ({ model, model_id })),
      expected_requests: this.expectedRequests,
    };
  }

  get areReady(): boolean {
    return this.#expected.size === this.#names.length;
  }

  get haveStarted(): boolean {
    return this.#started.size === this.#names.length;
  }

  get areDraining(): boolean {
    return this.#draining.size === this.#names.length;
  }

  get areDrained(): boolean {
    return this.#drained.size === this.#names.length;
  }

  unready(): readonly string[] {
    return this.#names.filter((name) => !this.#expected.has(name));
  }

  unstarted(): readonly string[] {
    return this.#names.filter((name) => !this.#started.has(name));
  }

  sending(): readonly string[] {
    return this.#names.filter((name) => !this.#draining.has(name));
  }

  undrained(): readonly string[] {
    return this.#names.filter((name) => !this.#drained.has(name));
  }

  /** Whether this one is the first, which loads the models for all. */
  isLoader(name: string): boolean {
    return name === this.#names[0];
  }

  onReady(name: string, ready: LineOf<"ready">): void {
    this.#expected.set(name, ready.expected_requests ?? null);
    if (this.isLoader(name)) this.#models = ready.models ?? [];
  }

  /** What is wrong with the window of a generator, in words, or null. */
  onStarted(name: string, { event: _event, ...window }: StartedLine): string | null {
    this.#started.add(name);
    this.#window ??= window;
    const { send_start_ns: begun } = this.#window;
    return window.send_start_ns === begun
      ? null
      : `${name} sends from ${window.send_start_ns} on, ${this.#names[0]} from ${begun}: they do not share one schedule`;
  }

  onDraining(name: string): void {
    this.#draining.add(name);
  }

  /** What is wrong with the end of a generator, in words, or null. */
  onDrained(name: string, drained: LineOf<"drained">): string | null {
    // Somebody else ended it: what it did not send has no rows, and nothing would miss those of a closed loop.
    if (!this.#draining.has(name)) return `${name} was stopped before it had sent everything`;
    this.#drained.add(name);
    if (drained.expected_requests !== undefined) {
      this.#expectedShortened.set(name, drained.expected_requests);
    }
    return null;
  }

  /** An early end that these counters call for; decided once, and noted. */
  judge(counters: LiveCounters, watch: StopWatch | null): StoredStop | null {
    if (watch === null || this.#window === null || this.#stopped !== null) return null;
    this.#stopped = watch.judge(counters, this.#window);
    return this.#stopped;
  }
}
