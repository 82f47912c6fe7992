/** The controller on a simulated host: the controller's own state machine, driven as a real process drives it. */
import type { ControllerMachine } from "#serving/controller/controller-types.ts";
import type {
  ActionRecord,
  ControllerEffect,
  ControllerEvent,
  RequestRecord,
} from "#serving/controller/events.ts";
import type { Action, ActionResult, ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { Port, PortHandlers } from "#sim/connection.ts";
import { actionBytes, responseBytes } from "#sim/message-sizes.ts";
import { Role, type RoleParts } from "#sim/role.ts";
import { assertNever } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** A message with the number by which its sender knows the answer. */
export interface Numbered<T> {
  readonly messageId: number;
  readonly message: T;
}

export type ControllerPortForWorkers = Port<Action, ActionResult>;
export type ControllerPortForClients = Port<Numbered<ClientResponse>, Numbered<ClientRequest>>;

/** The controller's logs; each row goes out at once. */
export interface ControllerSink {
  request(record: RequestRecord): void;
  action(record: ActionRecord): void;
  close(): void;
}

export interface ControllerRoleParts extends RoleParts {
  readonly machine: ControllerMachine;
  readonly sink: ControllerSink;
  readonly workerCount: number;
  /** Connects to a worker; the answer is how long that takes. */
  readonly connect: (
    worker: number,
    atController: (port: ControllerPortForWorkers) => PortHandlers<ActionResult>,
  ) => Nanos;
}

/** An action that the network layer has taken. */
interface Taken {
  readonly worker: number;
  readonly actionId: number;
}

export class ControllerRole extends Role {
  readonly #parts: ControllerRoleParts;
  readonly #workers: (ControllerPortForWorkers | null)[];
  readonly #clients = new Map<number, ControllerPortForClients>();
  readonly #connecting: number;
  #nextConnectionId = 0;
  /** Taken while the effects of a step are carried out; told once they are. */
  #taken: Taken[] = [];

  constructor(parts: ControllerRoleParts) {
    super(parts);
    this.#parts = parts;
    this.#workers = Array.from({ length: parts.workerCount }, () => null);
    let next = 0;
    this.#connecting = parts.agenda.add({
      act: (now) => {
        const worker = next++;
        this.#step(now, { kind: "worker_up", worker });
        this.#connect(now, next);
      },
    });
    this.say("Starting Clockwork Controller");
    this.#connect(parts.agenda.now, 0);
  }

  /** Takes a client's connection. */
  accept(port: ControllerPortForClients): PortHandlers<Numbered<ClientRequest>> {
    const connectionId = this.#nextConnectionId++;
    this.#clients.set(connectionId, port);
    return {
      onMessage: (now, { messageId, message }) => {
        const arrival = this.host.clock.read(now);
        const request = message;
        this.#step(now, { kind: "request", connectionId, messageId, arrival, request });
      },
      onTaken: () => {},
      onClosed: (now, reason) => {
        this.#clients.delete(connectionId);
        this.say(`Closing client connection, reason: ${reason}`);
        this.#step(now, { kind: "client_down", connectionId });
      },
    };
  }

  protected onWake(now: Nanos): void {
    this.#step(now, { kind: "timer" });
  }

  protected onEnd(now: Nanos): void {
    // Whoever still waits is told, and what is open gets its rows.
    this.#step(now, { kind: "stop" });
    this.onGone(now);
    this.say("Clockwork Controller Exiting");
  }

  protected onGone(now: Nanos): void {
    this.agenda.wait(this.#connecting, null);
    for (const port of this.#workers) port?.close(now, "the controller is ending");
    for (const port of this.#clients.values()) port.close(now, "the controller is ending");
    this.#parts.sink.close();
  }

  /** One after the other, as the original does. */
  #connect(now: Nanos, worker: number): void {
    if (worker >= this.#parts.workerCount || this.isOver) return;
    this.say(`Connecting to worker ${worker}`);
    const roundTrip = this.#parts.connect(worker, (port) => this.#workerHandlers(worker, port));
    this.agenda.wait(this.#connecting, (now + roundTrip) as Nanos);
  }

  #workerHandlers(worker: number, port: ControllerPortForWorkers): PortHandlers<ActionResult> {
    this.#workers[worker] = port;
    return {
      onMessage: (now, result) => {
        const received = this.host.clock.read(now);
        this.#step(now, { kind: "result", worker, received, result });
      },
      onTaken: (now, actionId) => this.#step(now, { kind: "action_sent", worker, actionId }),
      onClosed: (now, reason) => {
        this.#workers[worker] = null;
        this.say(`Closing connection to worker ${worker}, reason: ${reason}`);
        this.#step(now, { kind: "worker_down", worker, reason });
      },
    };
  }

  #step(now: Nanos, event: ControllerEvent): void {
    if (this.isOver) return;
    const { machine } = this.#parts;
    const local = this.host.clock.read(now);
    for (const effect of machine.step(local, event)) this.#apply(now, effect);
    while (this.#taken.length > 0) {
      const taken = this.#taken;
      this.#taken = [];
      for (const each of taken) {
        const effects = machine.step(local, { kind: "action_sent", ...each });
        for (const effect of effects) this.#apply(now, effect);
      }
    }
    this.wakeAt(machine.nextTimeout());
  }

  #apply(now: Nanos, effect: ControllerEffect): void {
    switch (effect.kind) {
      case "send_action":
        this.#send(now, effect.worker, effect.action);
        break;
      case "respond": {
        const { messageId, response } = effect;
        const load = { sizeBytes: responseBytes(response), id: 0 };
        // A client that has left gets no response.
        this.#clients.get(effect.connectionId)?.send(now, { messageId, message: response }, load);
        break;
      }
      case "request_done":
        this.#parts.sink.request(effect.record);
        break;
      case "action_done":
        this.#parts.sink.action(effect.record);
        break;
      case "print":
        this.say(effect.line);
        break;
      case "ready":
        this.tell({ event: "ready", role: "controller", port: 0 });
        break;
      case "fatal":
        this.fail(effect.message);
        break;
      default:
        assertNever(effect);
    }
  }

  #send(now: Nanos, worker: number, action: Action): void {
    const port = this.#workers[worker];
    if (port === null || port === undefined) return;
    const { actionId } = action;
    if (port.send(now, action, { sizeBytes: actionBytes(action), id: actionId }))
      this.#taken.push({ worker, actionId });
  }
}
