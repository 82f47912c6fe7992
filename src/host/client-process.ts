/** The client role as a process: drives the load generator behind a real connection, clock and log. */
import { Alarm } from "#host/alarm.ts";
import { type Clock, fromAbsolute, startClock, toAbsolute } from "#host/clock.ts";
import { handshakeKey } from "#host/handshake.ts";
import { type InferenceHandlers, InferenceLane } from "#host/inference-lane.ts";
import { InputBlocks } from "#host/input-block.ts";
import { connect, type Link } from "#host/link.ts";
import { LoopReport } from "#host/loop-report.ts";
import { LoopStatistics } from "#host/loop-statistics.ts";
import { napping, spinning } from "#host/pauses.ts";
import { RowLog } from "#host/row-log.ts";
import {
  bytesOf,
  EMPTY_PAYLOAD,
  requestToWire,
  responseFromWire,
  toPayload,
} from "#host/wire-mapping.ts";
import type { ClientEffect, ClientEvent, ClientRecord } from "#serving/client/events.ts";
import { LoadGenerator } from "#serving/client/load-generator.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import {
  WorkloadClient,
  type WorkloadClientOptions,
} from "#serving/client/workloads/workload-client.ts";
import type { ClientRequest } from "#serving/messages.ts";
import { assertNever } from "#stdx/assert.ts";
import { MICROSECOND, type Nanos, toMs } from "#stdx/nanos.ts";
import {
  fromStated,
  toDrainedLine,
  toProgressLine,
  toReadyLine,
  toStartedLine,
} from "#telemetry/client-lines.ts";
import { CLIENT_LOG, clientLogFile } from "#telemetry/client-log.ts";
import { ClientRowBytes } from "#telemetry/client-row-bytes.ts";
import { headerLine } from "#telemetry/schema.ts";
import type { ControlLine, StatusLine } from "#telemetry/status-line.ts";
import type { ClockSync } from "#wire/clock-sync.ts";
import type { InferenceResponse } from "#wire/inference.ts";
import { ENDPOINTS } from "#wire/messages.ts";

export interface ClientProcessOptions {
  /** The controller's client port. */
  readonly host: string;
  readonly port: number;
  /** What the controller asks for. */
  readonly secret?: Uint8Array | null;
  /** Where the client's log goes; null writes none. */
  readonly logDir: string | null;
  /** What to send and when, of an experiment or of one of the original's workloads; the process adds inputs. */
  readonly load: Omit<LoadGeneratorOptions, "makeInput"> | Omit<WorkloadClientOptions, "makeInput">;
  /** Requests carry an input of the model's size. */
  readonly hasInputs: boolean;
  /** Of the inputs' bytes. */
  readonly seed: number;
  /** After the run: wait to be stopped, so that whoever controls the process decides when it ends. */
  readonly waitForStop: boolean;
  /** How it waits for the next instant: `spin` keeps a core busy, `nap` leaves it to others while there is time. */
  readonly pacing: "spin" | "nap";
  /** Takes each status line. */
  readonly onStatus: (line: StatusLine) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** Responses read take a µs or two each: so many may delay a request that falls due. */
const ANSWERS_BETWEEN_SENDS = 16;
/** Requests that are later than this are sent in the alarm's turn only. */
const CATCH_UP_NS = 500 * MICROSECOND;

/**
 * A controller that reads slowly is no reason to leave it: what waits for it is bounded by the requests that may be
 * outstanding, and takes little memory, because all inputs of one size are the same block.
 */
const QUEUE_BYTES_MAX = Number.POSITIVE_INFINITY;

/** How the process ended; the message has been told as a status line already. */
export type ClientEnding = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** One connection, one run. Make it, then `run`. */
export class ClientProcess {
  readonly #options: ClientProcessOptions;
  readonly #clock: Clock = startClock();
  readonly #generator: LoadGenerator | WorkloadClient;
  readonly #alarm: Alarm;
  readonly #ended = Promise.withResolvers<ClientEnding>();
  readonly #giveUpConnecting = new AbortController();
  #link: Link<typeof ENDPOINTS.client> | null = null;
  #lane: InferenceLane | null = null;
  readonly #loop = new LoopStatistics(() => this.#clock.now());
  readonly #rows = new ClientRowBytes(this.#clock.epochNs);
  #log: RowLog | null = null;
  /** The next row of the log; a field, so that putting it into the log needs no function of its own. */
  #record: ClientRecord | null = null;
  /** Responses since requests were sent between two of them. */
  #answersRead = 0;
  /** Settles once the end of the run has been told. */
  #drained = Promise.resolve();
  /** The first thing that went wrong. */
  #failure: string | null = null;

  constructor(options: ClientProcessOptions) {
    this.#options = options;
    const blocks = new InputBlocks(options.seed);
    const makeInput = options.hasInputs
      ? (inputBytes: number) => toPayload(blocks.block(inputBytes))
      : () => EMPTY_PAYLOAD;
    const { load } = options;
    this.#generator =
      "plan" in load
        ? new WorkloadClient({ ...load, makeInput })
        : new LoadGenerator({ ...load, makeInput });
    const onDue = (): void => {
      this.#loop.begin();
      this.#step({ kind: "timer" });
      this.#loop.end();
    };
    const clock = this.#clock;
    const pause = options.pacing === "spin" ? spinning(clock) : napping(clock);
    this.#alarm = new Alarm({ clock, mode: "precise", onDue, pause });
  }

  /** Connects, loads, sends, drains; settles once the log is closed. */
  async run(): Promise<ClientEnding> {
    if (!this.#openLog()) return await this.#close();
    const { host, port, secret, load, onStatus } = this.#options;
    const connected = await connect({
      endpoint: ENDPOINTS.client,
      isNative: true,
      queueBytesMax: QUEUE_BYTES_MAX,
      clock: this.#clock,
      loop: this.#loop,
      host,
      port,
      secret: handshakeKey(secret, "client"),
      timeoutMs: toMs("plan" in load ? load.connectLimit : load.readyLimit),
      signal: this.#giveUpConnecting.signal,
      accept: ({ sync }) => ({
        onMessage: (frame, received, responseSent) => {
          const { messageId, message: response } = responseFromWire(frame);
          this.#step({ kind: "response", messageId, received, responseSent, response });
        },
        lane: this.#makeLane(sync),
        onSent: (frame) => this.#step({ kind: "sent", upTo: Number(frame.messageId) }),
        onClose: (reason) => this.#step({ kind: "link_down", reason: reason.message }),
      }),
    });
    if (!connected.ok) {
      // Stopped on request: no failure.
      if (!this.#giveUpConnecting.signal.aborted) this.#fail(connected.error.message);
      return await this.#close();
    }
    const link = connected.value;
    this.#link = link;
    const report = new LoopReport({
      clock: this.#clock,
      loop: this.#loop,
      peers: () => [link],
      onStatus,
    });
    this.#step({ kind: "link_up" });
    await this.#ended.promise;
    this.#alarm.arm(null);
    report.stop();
    await link.close("the client has ended");
    return await this.#close();
  }

  #makeLane(sync: ClockSync): InferenceLane {
    const handlers: InferenceHandlers = {
      onResponse: (response, received, responseSent) =>
        this.#onInference(response, received, responseSent),
      onSent: (upTo) => this.#step({ kind: "sent", upTo }),
    };
    this.#lane = new InferenceLane(handlers, this.#clock, sync);
    return this.#lane;
  }

  /** A command of whoever controls the process. */
  onCommand(line: ControlLine): void {
    switch (line.command) {
      case "models":
        this.#step({ kind: "models", models: line.models.map(fromStated) });
        break;
      case "start":
        this.#step({ kind: "start", ...(line.at_ns === undefined ? {} : this.#at(line.at_ns)) });
        break;
      case "finish":
        this.#options.onLine(`sending ends early: ${line.reason}`);
        this.#step({ kind: "finish", ...this.#at(line.at_ns) });
        break;
      case "stop":
        this.stop();
        break;
      default:
        assertNever(line);
    }
  }

  #at(absoluteNs: string): { readonly at: Nanos } {
    return { at: fromAbsolute(this.#clock, BigInt(absoluteNs)) };
  }

  /** Sends nothing more, waits for what is out, and ends. */
  finish(): void {
    this.#giveUpConnecting.abort();
    this.#step({ kind: "finish", at: this.#clock.now() });
    if (this.#generator.nextTimeout() === null) this.#end();
  }

  /** Ends at once: open requests become unknown, the log is closed. */
  stop(): void {
    this.#giveUpConnecting.abort();
    this.#step({ kind: "stop" });
    this.#end();
  }

  /** A failure outside of the load generator, such as a disk that is full. */
  #giveUp(message: string): void {
    this.#fail(message);
    this.stop();
  }

  get #logName(): string {
    return clientLogFile(this.#options.load.clientId);
  }

  #openLog(): boolean {
    const { logDir, onStatus } = this.#options;
    const log = this.#logName;
    if (logDir === null) {
      onStatus({ event: "log", log, path: null, reason: "no --log-dir was given" });
      return true;
    }
    const onStopped = (reason: string): void =>
      this.#giveUp(`the client's log ended early: ${reason}`);
    const opened = RowLog.open({
      dir: logDir,
      name: log,
      header: headerLine(CLIENT_LOG),
      onStopped,
    });
    if (!opened.ok) {
      onStatus({ event: "log", log, path: null, reason: opened.reason });
      this.#fail(`the client's log cannot be written: ${opened.reason}`);
      return false;
    }
    this.#log = opened.log;
    onStatus({ event: "log", log, path: opened.log.path });
    return true;
  }

  #onInference(answer: InferenceResponse, received: Nanos, responseSent: Nanos): void {
    const { messageId, userRequestId, status, modelId, batchSize, bodyBytes } = answer;
    this.#step({
      kind: "response",
      messageId,
      received,
      responseSent,
      response: {
        kind: "infer",
        userRequestId,
        status,
        message: "",
        modelId,
        batchSize,
        output: bodyBytes === 0 ? null : { payload: { sizeBytes: bodyBytes }, index: 0, count: 1 },
      },
    });
    this.#sendDue();
  }

  /**
   * A request that fell due while responses are read does not wait for the last of them. One that is late already does:
   * a generator that has fallen behind must not put off receipts for sending.
   */
  #sendDue(): void {
    if (++this.#answersRead < ANSWERS_BETWEEN_SENDS) return;
    const at = this.#alarm.at;
    const late = at === null ? -1 : this.#clock.now() - at;
    if (late < 0 || late > CATCH_UP_NS) return;
    this.#answersRead = 0;
    this.#step({ kind: "timer" });
    this.#link?.flushLane();
  }

  #step(event: ClientEvent): void {
    const effects = this.#generator.step(this.#clock.now(), event);
    for (const effect of effects) this.#apply(effect);
    this.#alarm.arm(this.#generator.nextTimeout());
  }

  #apply(effect: ClientEffect): void {
    const { onStatus, onLine } = this.#options;
    switch (effect.kind) {
      case "send":
        this.#send(effect.messageId, effect.request);
        break;
      case "request_done":
        this.#record = effect.record;
        this.#log?.append(this.#rows.bytesMax(effect.record), this.#putRecord);
        break;
      case "ready":
        onStatus(toReadyLine(effect));
        break;
      case "started":
        onStatus(toStartedLine(effect, this.#absolute));
        break;
      case "progress":
        onStatus(toProgressLine(effect, this.#absolute));
        break;
      case "draining":
        onStatus({ event: "draining", outstanding: effect.outstanding });
        break;
      case "drained":
        this.#drained = this.#onDrained(toDrainedLine(effect));
        break;
      case "failed":
        this.#fail(effect.message);
        // Once sending has begun `drained` follows, perhaps in a later step.
        if (this.#generator.nextTimeout() === null) this.#end();
        break;
      case "print":
        onLine(effect.line);
        break;
      default:
        assertNever(effect);
    }
  }

  #send(messageId: number, request: ClientRequest): void {
    const isSent =
      request.kind === "infer" &&
      this.#lane !== null &&
      this.#link?.sendDirect(this.#lane, {
        messageId,
        userId: request.userId,
        userRequestId: request.userRequestId,
        modelId: request.modelId,
        batchSize: request.batchSize,
        sloFactor: request.sloFactor,
        input: bytesOf(request.input),
      });
    if (isSent !== true) this.#link?.send(requestToWire(request, messageId));
  }

  readonly #putRecord = (target: Uint8Array, offset: number): number =>
    this.#record === null ? offset : this.#rows.put(this.#record, target, offset);

  /** The end is told once the log is whole on disk. */
  async #onDrained(line: StatusLine): Promise<void> {
    await this.#log?.settle();
    this.#options.onStatus(line);
    if (!this.#options.waitForStop || this.#failure !== null) this.#end();
  }

  readonly #absolute = (instant: Nanos): string => String(toAbsolute(this.#clock, instant));

  #fail(message: string): void {
    this.#failure ??= message;
    this.#options.onStatus({ event: "error", message });
  }

  #end(): void {
    const { promise: _, resolve } = this.#ended;
    resolve(this.#ending());
  }

  #ending(): ClientEnding {
    return this.#failure === null ? { ok: true } : { ok: false, message: this.#failure };
  }

  async #close(): Promise<ClientEnding> {
    await this.#drained;
    if (this.#log !== null) {
      const rows = await this.#log.close();
      this.#options.onStatus({ event: "log-closed", log: this.#logName, rows });
    }
    return this.#ending();
  }
}
