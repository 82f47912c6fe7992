/** The controller's connections to its workers in virtual time: opened one after the other, and anew when they are lost. */
import type { ControllerEvent } from "#serving/controller/events.ts";
import type { Action, ActionResult } from "#serving/messages.ts";
import type { Agenda } from "#sim/agenda.ts";
import type { Port, PortHandlers } from "#sim/connection.ts";
import type { HostClock } from "#sim/host-clock.ts";
import { actionBytes } from "#sim/message-sizes.ts";
import { addNs, MILLISECOND, type Nanos, ns, SECOND } from "#stdx/nanos.ts";

export type ControllerPortForWorkers = Port<Action, ActionResult>;

/** Connects to a worker; the answer is how long that takes, or null when nobody can be reached there. */
export type ConnectWorker = (
  worker: number,
  atController: (port: ControllerPortForWorkers) => PortHandlers<ActionResult>,
) => Nanos | null;

export interface WorkerLinksParts {
  readonly agenda: Agenda;
  /** Of the controller. */
  readonly clock: HostClock;
  readonly workerCount: number;
  readonly connect: ConnectWorker;
  readonly onEvent: (now: Nanos, event: ControllerEvent) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** As a real controller does: a worker that was lost is tried again after this long, then after twice as long, and so on. */
const RETRY_FIRST = ns(100 * MILLISECOND);
const RETRY_MOST = ns(5 * SECOND);

interface WorkerLink {
  /** Waits for a connection to come up, or for the next attempt. */
  readonly slot: number;
  port: ControllerPortForWorkers | null;
  state: "connecting" | "up" | "waiting";
  retryAfter: Nanos;
  upSince: Nanos;
}

export class WorkerLinks {
  readonly #parts: WorkerLinksParts;
  readonly #links: readonly WorkerLink[];
  /** The workers that were never tried begin with this one. */
  #untried = 0;
  #isOver = false;

  constructor(parts: WorkerLinksParts) {
    this.#parts = parts;
    const { agenda } = parts;
    this.#links = Array.from({ length: parts.workerCount }, (_, worker) => ({
      slot: agenda.add({ act: (now) => this.#onWake(now, worker) }),
      port: null,
      state: "waiting",
      retryAfter: RETRY_FIRST,
      upSince: ns(0),
    }));
    this.#tryNext(agenda.now);
  }

  /** True when the network layer has taken the action at once; dropped while the worker is not connected. */
  send(now: Nanos, worker: number, action: Action): boolean {
    const port = this.#links[worker]?.port;
    if (port === null || port === undefined) return false;
    return port.send(now, action, { sizeBytes: actionBytes(action), id: action.actionId });
  }

  /** Ends the worker's connection; its loss is told as any other, and it is tried again. */
  drop(now: Nanos, worker: number, reason: string): void {
    const link = this.#links[worker];
    if (link === undefined || link.port === null) return;
    link.port.close(now, reason);
    this.#onClosed(now, worker, reason);
  }

  close(now: Nanos, reason: string): void {
    this.#isOver = true;
    for (const { port, slot } of this.#links) {
      this.#parts.agenda.remove(slot);
      port?.close(now, reason);
    }
  }

  /** One after the other, as the original does. */
  #tryNext(now: Nanos): void {
    const worker = this.#untried++;
    if (worker >= this.#parts.workerCount) return;
    this.#parts.onLine(`Connecting to worker ${worker}`);
    this.#connect(now, worker);
  }

  #connect(now: Nanos, worker: number): void {
    const link = this.#links[worker];
    if (link === undefined || this.#isOver) return;
    const roundTrip = this.#parts.connect(worker, (port) => this.#handlers(worker, port));
    if (roundTrip === null) {
      this.#retry(now, link);
      return;
    }
    link.state = "connecting";
    this.#parts.agenda.wait(link.slot, addNs(now, roundTrip));
  }

  #handlers(worker: number, port: ControllerPortForWorkers): PortHandlers<ActionResult> {
    const { onEvent, clock } = this.#parts;
    const link = this.#links[worker];
    if (link !== undefined) link.port = port;
    return {
      onMessage: (now, result) =>
        onEvent(now, { kind: "result", worker, received: clock.read(now), result }),
      onTaken: (now, actionId) => onEvent(now, { kind: "action_sent", worker, actionId }),
      onClosed: (now, reason) => this.#onClosed(now, worker, reason),
    };
  }

  #onWake(now: Nanos, worker: number): void {
    const link = this.#links[worker];
    if (link?.state === "waiting") this.#connect(now, worker);
    else if (link?.state === "connecting") this.#onUp(now, worker, link);
  }

  #onUp(now: Nanos, worker: number, link: WorkerLink): void {
    link.state = "up";
    link.upSince = now;
    this.#parts.onLine("Connection established");
    this.#parts.onEvent(now, { kind: "worker_up", worker });
    if (worker === this.#untried - 1) this.#tryNext(now);
  }

  #onClosed(now: Nanos, worker: number, reason: string): void {
    const link = this.#links[worker];
    if (link === undefined || this.#isOver) return;
    const wasUp = link.state === "up";
    link.port = null;
    this.#parts.onLine(`Closing connection to worker ${worker}, reason: ${reason}`);
    // A connection that did not last was no success: what ended it may do so again.
    if (wasUp && now - link.upSince > RETRY_MOST) link.retryAfter = RETRY_FIRST;
    this.#retry(now, link);
    if (wasUp) this.#parts.onEvent(now, { kind: "worker_down", worker, reason });
  }

  #retry(now: Nanos, link: WorkerLink): void {
    link.state = "waiting";
    this.#parts.agenda.wait(link.slot, addNs(now, link.retryAfter));
    link.retryAfter = ns(Math.min(2 * link.retryAfter, RETRY_MOST));
  }
}
