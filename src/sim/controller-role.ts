/** The controller on a simulated host: the controller's own state machine, driven as a real process drives it. */
import type { ControllerMachine } from "#serving/controller/controller-types.ts";
import type {
  ActionRecord,
  ControllerEffect,
  ControllerEvent,
  RequestRecord,
} from "#serving/controller/events.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { Port, PortHandlers } from "#sim/connection.ts";
import { responseBytes } from "#sim/message-sizes.ts";
import { Role, type RoleParts } from "#sim/role.ts";
import { type ConnectWorker, WorkerLinks } from "#sim/worker-links.ts";
import { assertNever } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";

/** A message with the number by which its sender knows the answer. */
export interface Numbered<T> {
  readonly messageId: number;
  readonly message: T;
}

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
  readonly connect: ConnectWorker;
}

export class ControllerRole extends Role {
  readonly #machine: ControllerMachine;
  readonly #sink: ControllerSink;
  readonly #workers: WorkerLinks;
  readonly #clients = new Map<number, ControllerPortForClients>();
  #nextConnectionId = 0;
  /** What the effects of a step brought about at once; it follows when they have been carried out. */
  readonly #caused: ControllerEvent[] = [];
  #isStepping = false;

  constructor(parts: ControllerRoleParts) {
    super(parts);
    const { agenda, machine, sink, workerCount, connect } = parts;
    this.#machine = machine;
    this.#sink = sink;
    this.say("Starting Clockwork Controller");
    this.#workers = new WorkerLinks({
      agenda,
      clock: this.host.clock,
      workerCount,
      connect,
      onEvent: (now, event) => this.#step(now, event),
      onLine: (line) => this.say(line),
    });
  }

  /** Takes a client's connection. */
  accept(port: ControllerPortForClients): PortHandlers<Numbered<ClientRequest>> {
    const connectionId = this.#nextConnectionId++;
    this.#clients.set(connectionId, port);
    const came: ControllerEvent[] = [];
    return {
      onMessage: (now, { messageId, message: request }) => {
        const arrival = this.host.clock.read(now);
        came.push({ kind: "request", connectionId, messageId, arrival, request });
      },
      // Together, as the process takes what one read brings.
      onRead: (now) => {
        if (came.length > 0) this.#step(now, ...came.splice(0));
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
    this.#workers.close(now, "the controller is ending");
    for (const port of this.#clients.values()) port.close(now, "the controller is ending");
    this.#sink.close();
  }

  #step(now: Nanos, ...events: readonly ControllerEvent[]): void {
    if (this.isOver) return;
    if (this.#isStepping) {
      this.#caused.push(...events);
      return;
    }
    this.#isStepping = true;
    const local = this.host.clock.read(now);
    for (const effect of this.#machine.step(local, ...events)) this.#apply(now, effect);
    for (let next = this.#caused.shift(); next !== undefined; next = this.#caused.shift()) {
      for (const effect of this.#machine.step(local, next)) this.#apply(now, effect);
    }
    this.#isStepping = false;
    this.wakeAt(this.#machine.nextTimeout());
  }

  #apply(now: Nanos, effect: ControllerEffect): void {
    switch (effect.kind) {
      case "send_action": {
        const { worker, action } = effect;
        const isTaken = this.#workers.send(now, worker, action);
        const { actionId } = action;
        if (isTaken) this.#caused.push({ kind: "action_sent", worker, actionId });
        break;
      }
      case "close_worker":
        this.#workers.drop(now, effect.worker, effect.reason);
        break;
      case "respond": {
        const { messageId, response } = effect;
        const load = { sizeBytes: responseBytes(response), id: 0 };
        // A client that has left gets no response.
        this.#clients.get(effect.connectionId)?.send(now, { messageId, message: response }, load);
        break;
      }
      case "request_done":
        this.#sink.request(effect.record);
        break;
      case "action_done":
        this.#sink.action(effect.record);
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
}
