/**
 * Live progress of an experiment: lines that are redrawn on a terminal, plain lines elsewhere. It redraws once a second
 * and only what changed: an animated display would take time from the system that is being measured on the same machine.
 */
import { expectedRunNs } from "#experiment/plan.ts";
import type { PlannedRun } from "#experiment/resolved.ts";
import type { LiveCounters } from "#runner/live-counters.ts";
import type { RunnerNotice } from "#runner/observer.ts";
import { toMs } from "#stdx/nanos.ts";
import type { RunState } from "#telemetry/results.ts";

const REDRAW_MS = 1000;
/** Between two progress lines where nothing can be redrawn. */
const PLAIN_PROGRESS_MS = 5000;

const CLEAR_LINE = "\r\u001b[2K";
/** To the line above, which is cleared as well. */
const CLEAR_LINE_ABOVE = "\u001b[1A\u001b[2K";

const FINAL_MARKS: Partial<Record<RunState, string>> = { done: "✔", failed: "✖", interrupted: "■" };

export interface ProgressOptions {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** Width of the terminal at the moment. */
  readonly columns: () => number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Runs take virtual time: nothing can be said about how much real time is left. */
  readonly isSimulated?: boolean;
}

/** "8 s", "2 min 05 s", "1 h 02 min". */
export const showSpan = (spanMs: number): string => {
  const seconds = Math.max(0, Math.round(spanMs / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  if (hours > 0) return `${hours} h ${two(minutes)} min`;
  return minutes > 0 ? `${minutes} min ${two(seconds % 60)} s` : `${seconds} s`;
};

const showRate = (ratePerS: number): string => `${ratePerS.toFixed(ratePerS < 100 ? 1 : 0)}/s`;

/** The generator's counters: what was asked for, what came back in time, and what went wrong if anything did. */
export const showCounters = (counters: LiveCounters): string => {
  const parts = [
    `rate ${showRate(counters.rate_per_s)}`,
    `goodput ${showRate(counters.goodput_per_s)}`,
    `${counters.generators > 1 ? "worst generator's p99" : "p99"} ${counters.p99_ms === null ? "–" : `${counters.p99_ms.toFixed(1)} ms`}`,
    `sent ${counters.sent}`,
  ];
  if (counters.failed > 0) parts.push(`failed ${counters.failed}`);
  if (counters.dropped > 0) parts.push(`dropped ${counters.dropped}`);
  return parts.join("  ");
};

interface Current {
  readonly run: PlannedRun;
  readonly startedMs: number;
  state: RunState;
  counters: LiveCounters | null;
}

/** Shows notices of a runner; `stop` leaves the cursor on a fresh line. */
export class ProgressView {
  readonly #options: ProgressOptions;
  readonly #startedMs: number;
  /** Runs that are not over, by index: what the remaining time is made of. */
  readonly #pending = new Map<number, PlannedRun>();
  #count = 0;
  /** Where runs are chosen as results come in: how many are over, and about how many are left, the current one included. */
  #ended = 0;
  #runsLeft: (() => number) | null = null;
  #current: Current | null = null;
  /** Lines that are on the terminal now, the last one without newline. */
  #drawn: readonly string[] = [];
  #plainProgressMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedMs = options.now();
  }

  /** Keeps the elapsed time moving while nothing is reported; only on a terminal. */
  start(): void {
    if (this.#options.isTerminal) this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  /** Takes the number of runs that are left from whoever chooses them. */
  countDown(runsLeft: () => number): void {
    this.#runsLeft = runsLeft;
  }

  /** Prints a line for keeps, above whatever is redrawn. */
  say(text: string): void {
    this.#erase();
    this.#options.write(`${text}\n`);
    this.#draw();
  }

  readonly observe = (notice: RunnerNotice): void => {
    switch (notice.kind) {
      case "opened":
        this.#count = notice.runs.length;
        for (const run of notice.runs) this.#pending.set(run.index, run);
        this.say(`results: ${notice.folder}`);
        return;
      case "resumed":
        if (notice.kept) this.#pending.delete(notice.run.index);
        this.say(`${this.#place(notice.run)} ${notice.kept ? "kept" : "to do"}: ${notice.reason}`);
        return;
      case "state":
        this.#onState(notice.run, notice.state);
        return;
      case "progress":
        this.#onProgress(notice.counters);
        return;
      case "stopping": {
        const { rule, evidence } = notice.stopped;
        this.say(`${this.#place(notice.run)} ends early, stop.${rule}: ${evidence}`);
        return;
      }
      case "ended":
        this.#onEnded(notice);
        return;
    }
  };

  #place(run: PlannedRun): string {
    const place = this.#runsLeft === null ? `${run.index + 1}/${this.#count}` : this.#ended + 1;
    return `[${place}] ${run.name}`;
  }

  #onState(run: PlannedRun, state: RunState): void {
    if (FINAL_MARKS[state] !== undefined) return;
    if (this.#current?.run !== run) {
      this.#current = { run, startedMs: this.#options.now(), state, counters: null };
    }
    this.#current.state = state;
    if (this.#options.isTerminal) this.#draw();
    else this.#options.write(`${this.#heading(this.#current)}\n`);
  }

  #onProgress(counters: LiveCounters): void {
    if (this.#current === null) return;
    this.#current.counters = counters;
    this.#draw();
    const nowMs = this.#options.now();
    if (this.#options.isTerminal || nowMs - this.#plainProgressMs < PLAIN_PROGRESS_MS) return;
    this.#plainProgressMs = nowMs;
    this.#options.write(`${this.#heading(this.#current)}  ${showCounters(counters)}\n`);
  }

  #onEnded({ run, stored }: Extract<RunnerNotice, { readonly kind: "ended" }>): void {
    const spanMs = this.#options.now() - (this.#current?.startedMs ?? this.#options.now());
    this.#pending.delete(run.index);
    const problems = stored.problems.map((problem) => `\n  ${problem.replaceAll("\n", "\n  ")}`);
    const early = (stored.stopped ?? null) === null ? "" : ", ended early by a stop rule,";
    const mark = FINAL_MARKS[stored.state] ?? "?";
    const place = this.#place(run);
    this.#current = null;
    this.#ended += 1;
    const hash = stored.simulation === undefined ? "" : `, logs ${stored.simulation.sha256}`;
    this.say(
      `${mark} ${place} ${stored.state}${early} after ${showSpan(spanMs)}${hash}${problems.join("")}`,
    );
  }

  #times(): string {
    const nowMs = this.#options.now();
    if (this.#options.isSimulated === true) return `${showSpan(nowMs - this.#startedMs)} elapsed`;
    const current = this.#current;
    const left = this.#runsLeft === null ? [...this.#pending.values()] : this.#chosenLeft();
    let leftMs = 0;
    for (const run of left) {
      const spentMs = run === current?.run ? nowMs - current.startedMs : 0;
      leftMs += Math.max(0, toMs(expectedRunNs(run)) - spentMs);
    }
    return `${showSpan(nowMs - this.#startedMs)} elapsed, about ${showSpan(leftMs)} left`;
  }

  /** The current run and as many others as are expected; which ones is not known, and they take alike. */
  #chosenLeft(): readonly PlannedRun[] {
    const run = this.#current?.run;
    if (run === undefined) return [];
    const others = Math.max(0, (this.#runsLeft?.() ?? 0) - 1);
    return [run, ...[...this.#pending.values()].filter((each) => each !== run).slice(0, others)];
  }

  #heading({ run, state }: Current): string {
    return `${this.#place(run)} ${state}  (${this.#times()})`;
  }

  #draw(): void {
    if (!this.#options.isTerminal || this.#current === null) return;
    const { counters } = this.#current;
    const figures = counters === null ? [] : [`  ${showCounters(counters)}`];
    const width = Math.max(20, this.#options.columns() - 1);
    const lines = [this.#heading(this.#current), ...figures].map((line) => line.slice(0, width));
    if (lines.join("\n") === this.#drawn.join("\n")) return;
    this.#options.write(`${this.#clearing()}${lines.join("\n")}`);
    this.#drawn = lines;
  }

  /** What takes the drawn lines away and leaves the cursor where the first one began. */
  #clearing(): string {
    const above = Math.max(0, this.#drawn.length - 1);
    return `${CLEAR_LINE}${CLEAR_LINE_ABOVE.repeat(above)}`;
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.#options.write(this.#clearing());
    this.#drawn = [];
  }
}
