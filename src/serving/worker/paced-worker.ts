/** A worker and its device on one timeline: what falls due between two calls happens at its own instant, in order. */
import type { Device, WorkerEffect, WorkerEvent } from "#serving/worker/events.ts";
import { Worker, type WorkerOptions } from "#serving/worker/worker.ts";
import { maxNs, type Nanos, ZERO_NS } from "#stdx/nanos.ts";

/** What remains for the driver to do: the device has been told already. */
export type PacedEffect = Exclude<
  WorkerEffect,
  { readonly kind: "device_start" | "device_release" }
>;

const earlier = (a: Nanos | null, b: Nanos | null): Nanos | null =>
  a === null || (b !== null && b < a) ? b : a;

/**
 * Drive it with `step(now, event)` and a `timer` event at `nextTimeout()`. A timer that comes late costs nothing on the
 * GPUs' timeline: an execution begins when its predecessor ended, not when the driver woke up.
 */
export class PacedWorker {
  readonly #worker: Worker;
  readonly #device: Device;
  #now: Nanos = ZERO_NS;

  constructor(options: WorkerOptions, device: Device) {
    this.#worker = new Worker(options);
    this.#device = device;
  }

  /** Catches up to `now`, then takes in the event. `now` must never decrease between calls. */
  step(now: Nanos, event: WorkerEvent): readonly PacedEffect[] {
    const effects: PacedEffect[] = [];
    for (;;) {
      const due = this.nextTimeout();
      if (due === null || due > now) break;
      this.#now = maxNs(this.#now, due);
      this.#stepAll(effects);
    }
    this.#now = maxNs(this.#now, now);
    if (event.kind !== "timer") this.#carryOut(this.#worker.step(this.#now, event), effects);
    return effects;
  }

  /** When something is due, or null while nothing waits or runs. */
  nextTimeout(): Nanos | null {
    return earlier(this.#worker.nextTimeout(), this.#device.nextTimeout());
  }

  /** Everything that is due at `#now`: ends before beginnings, so that a GPU is free for its next action. */
  #stepAll(effects: PacedEffect[]): void {
    for (const done of this.#device.takeDone(this.#now)) {
      this.#carryOut(this.#worker.step(this.#now, { kind: "device_done", done }), effects);
    }
    this.#carryOut(this.#worker.step(this.#now, { kind: "timer" }), effects);
  }

  #carryOut(produced: readonly WorkerEffect[], effects: PacedEffect[]): void {
    for (const effect of produced) {
      if (effect.kind === "device_start") this.#device.start(this.#now, effect.operation);
      else if (effect.kind === "device_release") {
        this.#device.release?.(effect.gpuId, effect.modelId);
      } else effects.push(effect);
    }
  }
}
