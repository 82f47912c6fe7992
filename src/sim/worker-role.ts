/** The worker on a simulated host: the worker's own state machine and device, driven as a real process drives them. */
import type { Action, ActionResult } from "#serving/messages.ts";
import type { Device, WorkerEvent } from "#serving/worker/events.ts";
import { PacedWorker } from "#serving/worker/paced-worker.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import { shiftAction, shiftResult } from "#sim/clock-shift.ts";
import type { Port, PortHandlers } from "#sim/connection.ts";
import { resultBytes } from "#sim/message-sizes.ts";
import { Role, type RoleParts } from "#sim/role.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type WorkerPort = Port<ActionResult, Action>;

export interface WorkerRoleParts extends RoleParts {
  readonly worker: WorkerOptions;
  readonly device: Device;
}

export class WorkerRole extends Role {
  readonly #worker: PacedWorker;
  /** The connection of the controller, once there is one; the newest counts. */
  #controller: WorkerPort | null = null;

  constructor(parts: WorkerRoleParts) {
    super(parts);
    this.#worker = new PacedWorker(parts.worker, parts.device);
    this.tell({ event: "ready", role: "worker", port: 0 });
  }

  /** Takes a controller's connection. */
  accept(port: WorkerPort): PortHandlers<Action> {
    this.#controller = port;
    return {
      onMessage: (now, action) => this.#onAction(now, port, action),
      onTaken: () => {},
      onClosed: (_, reason) => {
        if (this.#controller === port) this.#controller = null;
        this.say(`Closing connection of the controller, reason: ${reason}`);
      },
    };
  }

  protected onWake(now: Nanos): void {
    this.#step(now, { kind: "timer" });
  }

  protected onEnd(now: Nanos): void {
    this.onGone(now);
  }

  protected onGone(now: Nanos): void {
    this.#controller?.close(now, "the worker has ended");
  }

  #onAction(now: Nanos, port: WorkerPort, sent: Action): void {
    const { clockDelta } = port;
    const action = shiftAction(sent, (instant) => port.fromPeer(instant));
    const received = this.host.clock.read(now);
    this.#step(now, { kind: "action", action, received, clockDelta });
  }

  #step(now: Nanos, event: WorkerEvent): void {
    if (this.isOver) return;
    for (const effect of this.#worker.step(this.host.clock.read(now), event)) {
      if (effect.kind === "print") this.say(effect.line);
      else this.#send(now, effect.result, effect.clockDelta);
    }
    this.wakeAt(this.#worker.nextTimeout());
  }

  #send(now: Nanos, result: ActionResult, clockDelta: Nanos): void {
    const port = this.#controller;
    if (port === null) {
      this.say(`Dropping result R${result.actionId}: no controller is connected`);
      return;
    }
    const sentAt = this.host.clock.read(now);
    const shifted = shiftResult(result, sentAt, (instant) => port.toPeer(instant, clockDelta));
    port.send(now, shifted, { sizeBytes: resultBytes(result), id: 0 });
  }
}
