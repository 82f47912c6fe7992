/** The worker role as a process: drives the worker's state machine behind a real port and clock. */

import { actionFromWire } from "#host/action-mapping.ts";
import { Alarm } from "#host/alarm.ts";
import type { AllowList } from "#host/allow-list.ts";
import { type Clock, startClock } from "#host/clock.ts";
import { handshakeKey } from "#host/handshake.ts";
import type { CloseReason, Link, LinkHandlers, LinkLimits } from "#host/link.ts";
import { exposureWarning, type Listener, listen } from "#host/listener.ts";
import { LoopReport } from "#host/loop-report.ts";
import { LoopStatistics } from "#host/loop-statistics.ts";
import { type NapOptions, napping } from "#host/pauses.ts";
import { ResultLane } from "#host/result-lane.ts";
import { resultToWire } from "#host/result-mapping.ts";
import { WorkerLog, type WorkerLogOptions } from "#host/worker-log.ts";
import { WorkerTraffic } from "#host/worker-traffic.ts";
import type { Action } from "#serving/messages.ts";
import type { Device } from "#serving/worker/events.ts";
import { type PacedEffect, PacedWorker } from "#serving/worker/paced-worker.ts";
import type { WorkerOptions } from "#serving/worker/worker.ts";
import { MICROSECOND, type Nanos, ns } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { ENDPOINTS } from "#wire/messages.ts";

type WorkerEndpoint = typeof ENDPOINTS.worker;

/** The original's period of summaries. */
const SUMMARY_PERIOD_MS = 10_000;

export interface WorkerProcessOptions {
  /** Address to listen on. */
  readonly bind: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Asked of controllers. */
  readonly secret?: Uint8Array | null;
  /** Of every connection. */
  readonly linkLimits?: LinkLimits;
  /** Where controllers may come from. */
  readonly allow?: AllowList | null;
  readonly worker: WorkerOptions;
  /** Payloads that it is given and that it returns hold bytes (wire-mapping.ts). */
  readonly device: Device;
  /** Where actions are logged; absent: nowhere. */
  readonly log?: WorkerLogOptions;
  /** Takes each status line. */
  readonly onStatus: (line: StatusLine) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/**
 * Actions come milliseconds before their windows open, so that reading them a nap late harms nobody. A late wake-up does
 * not move the GPUs' timeline, but results leave late. At 800 infers/s on 4 GPUs, with the other roles' load on 2 cores,
 * results left late by (median) 0.69 ms with plain timers at 17 % of a core, 0.06 ms with naps of up to 0.05 ms at 30 %,
 * 0.06 ms with naps of up to 0.8 ms at 18 %, and 0.04 ms with no naps at 89 %. With 12 GPUs an end comes every 0.3 ms or
 * so: to nap even then, and to be awake 60 us before it only, takes a seventh off what is left.
 */
const NAPS: NapOptions = {
  napMax: ns(800 * MICROSECOND),
  awake: ns(60 * MICROSECOND),
  dense: ns(60 * MICROSECOND),
};

type SendResult = Extract<PacedEffect, { readonly kind: "send_result" }>;

interface Controller {
  readonly connectionId: number;
  readonly link: Link<WorkerEndpoint>;
  readonly lane: ResultLane;
  readonly traffic: WorkerTraffic;
  readonly summary: ReturnType<typeof setInterval>;
}

/** One port, any number of controllers at a time, which share the GPUs; each gets the results of its own actions. */
export class WorkerProcess {
  readonly #options: WorkerProcessOptions;
  readonly #clock: Clock = startClock();
  readonly #loop = new LoopStatistics(() => this.#clock.now());
  readonly #worker: PacedWorker;
  readonly #alarm: Alarm;
  readonly #stopped = Promise.withResolvers<void>();
  #isStopped = false;
  /** Present while it runs, if it is asked for. */
  #log: WorkerLog | null = null;
  /** Open connections by their ids. */
  readonly #controllers = new Map<number, Controller>();
  #nextConnectionId = 0;

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
    this.#worker = new PacedWorker(options.worker, options.device);
    const onDue = (): void => {
      this.#loop.begin();
      this.#carryOut(this.#worker.step(this.#clock.now(), { kind: "timer" }));
      this.#loop.end();
    };
    const pause = napping(this.#clock, NAPS);
    this.#alarm = new Alarm({ clock: this.#clock, mode: "precise", onDue, pause });
    options.device.onChange?.(() => {
      if (!this.#isStopped) this.#alarm.arm(this.#worker.nextTimeout());
    });
  }

  /** Listens until stopped; fails, with the reason, where it cannot listen. */
  async run(): Promise<Result<void, string>> {
    const { bind, port, secret = null, allow = null, onLine, onStatus } = this.#options;
    const { linkLimits } = this.#options;
    const warning = exposureWarning(bind, { secret, allow });
    if (warning !== null) onLine(warning);
    const listening = await listen({
      ...linkLimits,
      endpoint: ENDPOINTS.worker,
      clock: this.#clock,
      loop: this.#loop,
      host: bind,
      port,
      secret: handshakeKey(secret, "worker"),
      allow,
      onRefused: (message) => onLine(`Refused a controller: ${message}`),
      accept: (link) => this.#accept(link),
    });
    if (!listening.ok) return err(listening.error.message);
    this.#openLog();
    onLine(`IO service thread listening on ${bind}:${listening.value.port}`);
    onStatus({ event: "ready", role: "worker", port: listening.value.port });
    const peers = () => [...this.#controllers.values()].map(({ link }) => link);
    const report = new LoopReport({ clock: this.#clock, loop: this.#loop, peers, onStatus });
    await this.#stopped.promise;
    report.stop();
    await this.#close(listening.value);
    this.#log?.close();
    return ok(undefined);
  }

  /** Not before the port is ours: another worker that has it may be writing a log of this name. */
  #openLog(): void {
    const { log, onLine, onStatus } = this.#options;
    if (log === undefined) return;
    const { epochNs } = this.#clock;
    this.#log = new WorkerLog({ ...log, epochNs, loop: this.#loop, onLine, onStatus });
  }

  /** Ends `run` in an orderly way; may be called any time, also twice. */
  stop(): void {
    this.#stopped.resolve();
  }

  async #close(listener: Listener): Promise<void> {
    this.#isStopped = true;
    this.#alarm.arm(null);
    await listener.close();
  }

  #accept(link: Link<WorkerEndpoint>): LinkHandlers<WorkerEndpoint> {
    const traffic = new WorkerTraffic();
    const summarise = (): void => this.#options.onLine(traffic.takeLine(link));
    const summary = setInterval(summarise, SUMMARY_PERIOD_MS);
    const connectionId = this.#nextConnectionId++;
    const onAction = (action: Action, received: Nanos, clockDelta: Nanos): void => {
      traffic.countAction(action);
      this.#log?.onAction(connectionId, action, received);
      const event = { kind: "action", action, received, clockDelta, connectionId } as const;
      this.#carryOut(this.#worker.step(this.#clock.now(), event));
    };
    const lane = new ResultLane(onAction, this.#clock, link.sync);
    const controller: Controller = { connectionId, link, lane, traffic, summary };
    this.#controllers.set(connectionId, controller);
    return {
      lane,
      onMessage: (frame, received) => {
        const { clockDelta } = link;
        const action = actionFromWire(frame, { clock: this.#clock, clockDelta });
        onAction(action, received, clockDelta);
      },
      onClose: (reason) => this.#onClose(controller, reason),
    };
  }

  #onClose(controller: Controller, reason: CloseReason): void {
    clearInterval(controller.summary);
    this.#controllers.delete(controller.connectionId);
    this.#options.onLine(`Closing connection ${controller.link.peer}, reason: ${reason.message}`);
  }

  #carryOut(effects: readonly PacedEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "print") this.#options.onLine(effect.line);
      else this.#send(effect);
    }
    this.#alarm.arm(this.#worker.nextTimeout());
  }

  #send({ result, clockDelta, connectionId }: SendResult): void {
    const sentAt = this.#clock.now();
    this.#log?.onResult(connectionId, result, sentAt);
    const controller = this.#controllers.get(connectionId);
    if (controller === undefined) {
      this.#options.onLine(`Dropping result R${result.actionId}: its controller has gone`);
      return;
    }
    controller.traffic.countResult(result);
    if (controller.link.sendDirect(controller.lane, { result, clockDelta, sentAt })) return;
    const stamps = { clock: this.#clock, clockDelta, sentAt };
    controller.link.send(resultToWire(result, stamps));
  }
}
