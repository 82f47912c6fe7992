/** The controller's connections to its workers: opened one after the other, and opened anew when they are lost. */
import { ActionLane, type InferResult } from "#host/action-lane.ts";
import { actionToWire } from "#host/action-mapping.ts";
import type { Clock } from "#host/clock.ts";
import { handshakeKey } from "#host/handshake.ts";
import { connect, type Link, type LinkHandlers, type LinkLimits } from "#host/link.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import { resultFromWire } from "#host/result-mapping.ts";
import type { LinkError } from "#host/tcp.ts";
import { Traffic } from "#host/traffic.ts";
import type { ControllerEvent } from "#serving/controller/events.ts";
import type { Action, ActionResult } from "#serving/messages.ts";
import { assert } from "#stdx/assert.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { ENDPOINTS } from "#wire/messages.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

type WorkerEndpoint = typeof ENDPOINTS.controllerForWorkers;
type WorkerLink = Link<WorkerEndpoint>;

interface Connection {
  readonly link: WorkerLink;
  readonly lane: ActionLane;
}

export interface WorkerLinksOptions {
  readonly addresses: readonly Address[];
  readonly clock: Clock;
  readonly loop: LoopStatistics;
  /** How long to go on trying to reach each worker at the start. */
  readonly connectTimeoutMs: number;
  /** What workers ask for. */
  readonly secret: Uint8Array | null;
  readonly linkLimits: LinkLimits;
  /** Takes what came together. */
  readonly onEvents: (...events: readonly ControllerEvent[]) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** A worker that was lost is tried again after this long, then after twice as long, and so on up to the most. */
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** How long one attempt may take. */
const ATTEMPT_MS = 5_000;

export class WorkerLinks {
  readonly #options: WorkerLinksOptions;
  readonly #links: (Connection | null)[];
  readonly #traffic = new Traffic();
  readonly #stop = new AbortController();
  /** Per worker: how long to wait before the next attempt. */
  readonly #retryMs: number[];
  readonly #connectedAtMs: number[];

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
    this.#links = options.addresses.map(() => null);
    this.#retryMs = options.addresses.map(() => RETRY_FIRST_MS);
    this.#connectedAtMs = options.addresses.map(() => 0);
  }

  get open(): readonly WorkerLink[] {
    return this.#links.flatMap((connection) => (connection === null ? [] : [connection.link]));
  }

  /** One after the other, as the original does; fails with the first that cannot be reached. */
  async connectAll(): Promise<Result<void, LinkError>> {
    const { addresses, onLine, connectTimeoutMs } = this.#options;
    for (const [worker, { host, port }] of addresses.entries()) {
      if (this.#stop.signal.aborted) break;
      onLine(`Connecting to worker ${host}:${port}`);
      const connected = await this.#connect(worker, { timeoutMs: connectTimeoutMs });
      if (connected.ok) continue;
      const { code, message } = connected.error;
      return err({ code, message: `worker ${worker}: ${message}` });
    }
    return ok(undefined);
  }

  /** Dropped without a sound while the worker is not connected. */
  send(worker: number, action: Action): void {
    const connection = this.#links[worker] ?? null;
    if (connection?.link.sendDirect(connection.lane, action) === true) {
      this.#traffic.sent(0);
      return;
    }
    const frame = actionToWire(action, this.#options.clock);
    this.#traffic.sent(frame.body.reduce((sum, part) => sum + part.byteLength, 0));
    connection?.link.send(frame);
  }

  /** Ends the worker's connection; its loss is told as any other, and it is tried again. */
  drop(worker: number, reason: string): void {
    this.#links[worker]?.link.abort("closed_here", reason);
  }

  /** Messages and bytes since the last such line. */
  trafficLine(seconds: number): string {
    return this.#traffic.takeLine(seconds);
  }

  /** Connects no more; what is open stays so until `close`. */
  giveUp(): void {
    this.#stop.abort();
  }

  async close(message: string): Promise<void> {
    this.giveUp();
    await Promise.all(this.open.map((link) => link.close(message)));
  }

  async #connect(
    worker: number,
    patience: { readonly timeoutMs: number; readonly attemptMs?: number },
  ): Promise<Result<void, LinkError>> {
    const { addresses, clock, loop, secret, linkLimits, onEvents, onLine } = this.#options;
    let lane: ActionLane | null = null;
    const connected = await connect({
      ...linkLimits,
      ...(addresses[worker] as Address),
      ...patience,
      endpoint: ENDPOINTS.controllerForWorkers,
      isNative: true,
      clock,
      loop,
      secret: handshakeKey(secret, "worker"),
      signal: this.#stop.signal,
      accept: (link) => {
        const made = this.#handlers(worker, link);
        lane = made.lane;
        return made;
      },
    });
    if (!connected.ok) return connected;
    if (this.#stop.signal.aborted) {
      void connected.value.close();
      return ok(undefined);
    }
    assert(lane !== null, "an open link has its lane");
    this.#links[worker] = { link: connected.value, lane };
    this.#connectedAtMs[worker] = performance.now();
    onLine("Connection established");
    onEvents({ kind: "worker_up", worker });
    return ok(undefined);
  }

  #handlers(
    worker: number,
    link: WorkerLink,
  ): LinkHandlers<WorkerEndpoint> & { readonly lane: ActionLane } {
    const { clock, onEvents, onLine } = this.#options;
    const came: ControllerEvent[] = [];
    const onResult = (result: ActionResult, received: Nanos): void =>
      void came.push({ kind: "result", worker, received, result });
    const toSent = (actionId: number): ControllerEvent => ({
      kind: "action_sent",
      worker,
      actionId,
    });
    const laneHandlers = {
      onResult: (result: InferResult, received: Nanos): void => {
        this.#traffic.received(result.output.sizeBytes);
        onResult(result, received);
      },
      onSent: (actionIds: readonly number[]) => onEvents(...actionIds.map(toSent)),
    };
    return {
      lane: new ActionLane(laneHandlers, clock, link.sync),
      onMessage: (frame, received) => {
        this.#traffic.received(frame.body.byteLength);
        const result = resultFromWire(frame, clock);
        if (result.ok) onResult(result.value, received);
        else onLine(`Ignoring a message of worker ${worker}: ${result.error}`);
      },
      // Together: what GPUs are given next is decided once.
      onRead: () => {
        if (came.length > 0) onEvents(...came.splice(0));
      },
      onSent: ({ fields }) => onEvents(toSent(fields.actionId)),
      onClose: ({ message }) => this.#onClosed(worker, message),
    };
  }

  #onClosed(worker: number, reason: string): void {
    this.#links[worker] = null;
    this.#options.onLine(`Closing connection to worker ${worker}, reason: ${reason}`);
    this.#options.onEvents({ kind: "worker_down", worker, reason });
    void this.#comeBack(worker);
  }

  /** Tries until the worker is there again or nobody wants it any more. */
  async #comeBack(worker: number): Promise<void> {
    const { signal } = this.#stop;
    // A connection that did not last was no success: what ended it may do so again.
    const hasLasted = performance.now() - (this.#connectedAtMs[worker] ?? 0) > RETRY_MOST_MS;
    if (hasLasted) this.#retryMs[worker] = RETRY_FIRST_MS;
    const { host, port } = this.#options.addresses[worker] as Address;
    if (!signal.aborted)
      this.#options.onLine(`Trying to reach worker ${worker} at ${host}:${port}`);
    while (!signal.aborted) {
      const waitMs = this.#retryMs[worker] ?? RETRY_FIRST_MS;
      this.#retryMs[worker] = Math.min(2 * waitMs, RETRY_MOST_MS);
      await pause(waitMs, signal);
      if (signal.aborted) return;
      const connected = await this.#connect(worker, { timeoutMs: 0, attemptMs: ATTEMPT_MS });
      if (connected.ok) return;
      if (connected.error.code === "HANDSHAKE") this.#options.onLine(connected.error.message);
    }
  }
}

/** Ends early with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onEnd = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onEnd);
    resolve();
  };
  const timer = setTimeout(onEnd, ms);
  signal.addEventListener("abort", onEnd);
  return promise;
};
