/** Workloads of the original client that send nothing, but change others from time to time, and end the run. */
import type { Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import type { PoissonOpenLoop } from "#serving/client/workloads/open-loops.ts";
import { sixDigits } from "#serving/client/workloads/six-digits.ts";
import type { TraceReplay } from "#serving/client/workloads/trace-replay.ts";
import type { Nanos } from "#stdx/nanos.ts";

export interface AdjusterOptions {
  readonly period: Nanos;
  readonly initial: number;
  /** From one value to the next. */
  readonly next: (value: number) => number;
  readonly isOver: (value: number) => boolean;
}

/** What an adjuster changes, and in which words it says so. */
interface Target {
  readonly apply: (engine: WorkloadEngine, value: number) => void;
  readonly text: string;
  readonly round: (value: number) => number;
  /** The value that ends the run is told and applied, too. */
  readonly appliesLast: boolean;
}

class Adjuster implements Workload {
  readonly id = 0;
  readonly className = "adjuster";
  readonly instances = [];
  readonly #options: AdjusterOptions;
  readonly #target: Target;
  #value: number;

  constructor(options: AdjusterOptions, target: Target) {
    this.#options = options;
    this.#target = target;
    this.#value = target.round(options.initial);
  }

  prepare(engine: WorkloadEngine): void {
    this.#target.apply(engine, this.#value);
  }

  start(engine: WorkloadEngine): void {
    engine.after(this.#options.period, () => this.#adjust(engine));
  }

  #adjust(engine: WorkloadEngine): void {
    const { next, isOver, period } = this.#options;
    const { round, appliesLast, text, apply } = this.#target;
    this.#value = round(next(this.#value));
    const isLast = isOver(this.#value);
    if (isLast) {
      engine.terminate();
      engine.print("Terminating engine");
    }
    if (!isLast || appliesLast) {
      engine.print(`${text} to ${sixDigits(this.#value)}`);
      apply(engine, this.#value);
    }
    if (!isLast) engine.after(period, () => this.#adjust(engine));
  }
}

const asIs = (value: number): number => value;

/** Changes the SLO factor of instances; 32-bit floats throughout. */
export const sloAdjuster = (options: AdjusterOptions, instances: readonly number[]): Workload =>
  new Adjuster(options, {
    apply: (engine, factor) => {
      for (const instance of instances) engine.setSloFactor(instance, factor);
    },
    text: "Updating slo_factor",
    round: Math.fround,
    appliesLast: false,
  });

/** Changes the rate of Poisson open loops, in requests per second of each. */
export const rateAdjuster = (
  options: AdjusterOptions,
  loops: readonly PoissonOpenLoop[],
): Workload =>
  new Adjuster(options, {
    apply: (_engine, rate) => {
      for (const loop of loops) loop.setRate(rate);
    },
    text: "Updating rate",
    round: asIs,
    appliesLast: true,
  });

/** Changes the scale of trace replays. */
export const scaleAdjuster = (
  options: AdjusterOptions,
  replays: readonly TraceReplay[],
): Workload =>
  new Adjuster(options, {
    apply: (_engine, scale) => {
      for (const replay of replays) replay.setScale(scale);
    },
    text: ">>>> Updating scale_factor",
    round: asIs,
    appliesLast: true,
  });
