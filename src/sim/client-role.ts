/** The load generator on a simulated host: its own state machine, driven as a real process drives it. */
import type { ClientEffect, ClientEvent, ClientRecord } from "#serving/client/events.ts";
import { LoadGenerator } from "#serving/client/load-generator.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { Port, PortHandlers } from "#sim/connection.ts";
import type { Numbered } from "#sim/controller-role.ts";
import { requestBytes } from "#sim/message-sizes.ts";
import { Role, type RoleParts } from "#sim/role.ts";
import { assertNever } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";
import {
  fromStated,
  toDrainedLine,
  toProgressLine,
  toReadyLine,
  toStartedLine,
} from "#telemetry/client-lines.ts";
import type { ControlLine } from "#telemetry/status-line.ts";

export type ClientPort = Port<Numbered<ClientRequest>, Numbered<ClientResponse>>;

/** The client log of one load generator. */
export interface ClientSink {
  request(record: ClientRecord): void;
  close(): void;
}

export interface ClientRoleParts extends RoleParts {
  readonly load: LoadGeneratorOptions;
  readonly sink: ClientSink;
  /** Connects to the controller; the answer is how long that takes. */
  readonly connect: (
    atClient: (port: ClientPort) => PortHandlers<Numbered<ClientResponse>>,
  ) => Nanos;
}

export class ClientRole extends Role {
  readonly #generator: LoadGenerator;
  readonly #sink: ClientSink;
  readonly #connecting: number;
  #port: ClientPort | null = null;
  /** The last message that the network layer took in the step that is carried out; −1 for none. */
  #takenUpTo = -1;

  constructor(parts: ClientRoleParts) {
    super(parts);
    this.#generator = new LoadGenerator(parts.load);
    this.#sink = parts.sink;
    this.#connecting = parts.agenda.add({ act: (now) => this.#step(now, { kind: "link_up" }) });
    const roundTrip = parts.connect((port) => this.#handlers(port));
    parts.agenda.wait(this.#connecting, (parts.agenda.now + roundTrip) as Nanos);
  }

  /** A command of whoever leads the run. */
  command(now: Nanos, line: ControlLine): void {
    switch (line.command) {
      case "models":
        this.#step(now, { kind: "models", models: line.models.map(fromStated) });
        break;
      case "start":
        this.#step(now, {
          kind: "start",
          ...(line.at_ns === undefined ? {} : { at: this.#localOf(line.at_ns) }),
        });
        break;
      case "finish":
        this.say(`sending ends early: ${line.reason}`);
        this.#step(now, { kind: "finish", at: this.#localOf(line.at_ns) });
        break;
      case "stop":
        this.end(now);
        break;
      default:
        assertNever(line);
    }
  }

  protected onWake(now: Nanos): void {
    this.#step(now, { kind: "timer" });
  }

  protected onEnd(now: Nanos): void {
    this.#step(now, { kind: "stop" });
    this.onGone(now);
  }

  protected onGone(now: Nanos): void {
    this.agenda.remove(this.#connecting);
    this.#port?.close(now, "the client has ended");
    this.#sink.close();
  }

  #handlers(port: ClientPort): PortHandlers<Numbered<ClientResponse>> {
    this.#port = port;
    return {
      onMessage: (now, { messageId, message }, responseSent) => {
        const received = this.host.clock.read(now);
        const response = message;
        this.#step(now, { kind: "response", messageId, received, responseSent, response });
      },
      onTaken: (now, upTo) => this.#step(now, { kind: "sent", upTo }),
      onClosed: (now, reason) => this.#step(now, { kind: "link_down", reason }),
    };
  }

  #step(now: Nanos, event: ClientEvent): void {
    if (this.isOver) return;
    const local = this.host.clock.read(now);
    for (const effect of this.#generator.step(local, event)) this.#apply(now, effect);
    if (this.#takenUpTo >= 0) {
      const upTo = this.#takenUpTo;
      this.#takenUpTo = -1;
      const effects = this.#generator.step(local, { kind: "sent", upTo });
      for (const effect of effects) this.#apply(now, effect);
    }
    this.wakeAt(this.#generator.nextTimeout());
  }

  #apply(now: Nanos, effect: ClientEffect): void {
    switch (effect.kind) {
      case "send": {
        const { messageId, request } = effect;
        const load = { sizeBytes: requestBytes(request), id: messageId };
        if (this.#port?.send(now, { messageId, message: request }, load) === true)
          this.#takenUpTo = messageId;
        break;
      }
      case "request_done":
        this.#sink.request(effect.record);
        break;
      case "ready":
        this.tell(toReadyLine(effect));
        break;
      case "started":
        this.tell(toStartedLine(effect, this.#absolute));
        break;
      case "progress":
        this.tell(toProgressLine(effect, this.#absolute));
        break;
      case "draining":
        this.tell({ event: "draining", outstanding: effect.outstanding });
        break;
      case "drained":
        this.tell(toDrainedLine(effect));
        break;
      case "failed":
        this.fail(effect.message);
        break;
      case "print":
        this.say(effect.line);
        break;
      default:
        assertNever(effect);
    }
  }

  readonly #absolute = (instant: Nanos): string =>
    String(this.host.clock.epochNs + BigInt(instant));

  #localOf(absoluteNs: string): Nanos {
    return Number(BigInt(absoluteNs) - this.host.clock.epochNs) as Nanos;
  }
}
