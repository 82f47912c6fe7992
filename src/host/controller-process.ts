/** The controller role as a process: drives the state machine behind real connections, clock and logs. */
import { Alarm } from "#host/alarm.ts";
import type { AllowList } from "#host/allow-list.ts";
import {
  ClientPort,
  type ClientPortLimits,
  DEFAULT_CLIENT_LIMITS,
  type ReceivedRequest,
} from "#host/client-port.ts";
import { type Clock, startClock } from "#host/clock.ts";
import { ControllerLogs } from "#host/controller-logs.ts";
import { handshakeKey } from "#host/handshake.ts";
import { InputBlocks } from "#host/input-block.ts";
import type { LinkLimits } from "#host/link.ts";
import { exposureWarning } from "#host/listener.ts";
import { LoopReport } from "#host/loop-report.ts";
import { LoopStatistics } from "#host/loop-statistics.ts";
import { type MetricsEndpoint, openMetrics } from "#host/metrics-endpoint.ts";
import { toPayload } from "#host/wire-mapping.ts";
import { type Address, WorkerLinks } from "#host/worker-links.ts";
import {
  CONTROLLER_TYPES,
  type ControllerMachine,
  createController,
} from "#serving/controller/controller-types.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import type { ControllerOptions } from "#serving/controller/options.ts";
import { parameterText } from "#serving/controller/state-text.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import { assertNever } from "#stdx/assert.ts";
import { ControllerCounters } from "#telemetry/controller-counters.ts";
import type { TelemetryDialect } from "#telemetry/schema.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

export interface ControllerProcessOptions {
  readonly controller: Omit<ControllerOptions, "workerCount" | "inputFor">;
  readonly workers: readonly Address[];
  /** Where clients connect; port 0 takes any free one. */
  readonly clients: Address;
  /** What clients may hold of the process; the defaults where absent. */
  readonly clientLimits?: Partial<ClientPortLimits>;
  /** Of every connection. */
  readonly linkLimits?: LinkLimits;
  /** Asked of clients, and of workers, which ask for it, too. */
  readonly secret?: Uint8Array | null;
  /** Where clients may come from. */
  readonly allow?: AllowList | null;
  /** Invent an input for a request that came without one. */
  readonly generateInputs: boolean;
  /** How long to go on trying to reach each worker. */
  readonly connectTimeoutMs: number;
  readonly logDir: string;
  readonly dialect: TelemetryDialect;
  /** Where the page of numbers is served; absent: nowhere. */
  readonly metrics?: Address;
  /** Takes each status line. */
  readonly onStatus: (line: StatusLine) => void;
  /** Takes lines for people. */
  readonly onLine: (line: string) => void;
}

/** How the process ended; a failure has been told as a status line already. */
export type ControllerEnding =
  | { readonly ok: true }
  | { readonly ok: false; readonly message: string };

const TRAFFIC_INTERVAL_MS = 10_000;

/** One controller for as long as the process lives. Make it, `run` it, `stop` it. */
export class ControllerProcess {
  readonly #options: ControllerProcessOptions;
  readonly #clock: Clock = startClock();
  readonly #loop = new LoopStatistics(() => this.#clock.now());
  readonly #controller: ControllerMachine;
  readonly #alarm: Alarm;
  readonly #ended = Promise.withResolvers<ControllerEnding>();
  /** Requests of one read, which are dealt with together. */
  readonly #came: ReceivedRequest[] = [];
  readonly #workers: WorkerLinks;
  #clients: ClientPort | null = null;
  #logs: ControllerLogs | null = null;
  /** Null unless somebody may read them. */
  readonly #counters: ControllerCounters | null;
  #metrics: MetricsEndpoint | null = null;
  /** Set once nothing more is to be done but closing. */
  #ending: ControllerEnding | null = null;

  constructor(options: ControllerProcessOptions) {
    this.#options = options;
    const { workers: addresses, connectTimeoutMs, onLine } = options;
    this.#workers = new WorkerLinks({
      addresses,
      clock: this.#clock,
      loop: this.#loop,
      connectTimeoutMs,
      secret: options.secret ?? null,
      linkLimits: options.linkLimits ?? {},
      onEvents: (...events) => this.#step(...events),
      onLine,
    });
    this.#counters = options.metrics === undefined ? null : new ControllerCounters();
    const blocks = new InputBlocks(0);
    this.#controller = createController({
      ...options.controller,
      workerCount: addresses.length,
      inputFor: options.generateInputs ? (bytes) => toPayload(blocks.block(bytes)) : null,
    });
    // Being a millisecond late costs nothing: GPUs are given work ten milliseconds ahead.
    this.#alarm = new Alarm({
      clock: this.#clock,
      mode: "coarse",
      onDue: () => {
        this.#loop.begin();
        this.#step({ kind: "timer" });
        this.#loop.end();
      },
    });
  }

  /** Serves until it is stopped or cannot start; settles once connections and logs are closed. */
  async run(): Promise<ControllerEnding> {
    const { onLine, onStatus } = this.#options;
    onLine("Starting Clockwork Controller");
    const seconds = TRAFFIC_INTERVAL_MS / 1000;
    const traffic = setInterval(
      () => onLine(this.#workers.trafficLine(seconds)),
      TRAFFIC_INTERVAL_MS,
    );
    const peers = () => [...(this.#clients?.links ?? []), ...this.#workers.open];
    const report = new LoopReport({ clock: this.#clock, loop: this.#loop, peers, onStatus });
    try {
      if ((await this.#listen()) && (await this.#openMetrics())) {
        this.#openLogs();
        await this.#connectWorkers();
      }
      return await this.#ended.promise;
    } finally {
      clearInterval(traffic);
      report.stop();
      await this.#close();
    }
  }

  /** Ends in good order: open requests are answered with status 3, rows are finished and written. */
  stop(): void {
    this.#end({ ok: true });
  }

  /** Not before the port is ours: another controller that has it may be writing logs of these names. */
  #openLogs(): void {
    const { logDir, dialect, controller, generateInputs } = this.#options;
    const { onStatus, onLine, clients } = this.#options;
    const { epochNs } = this.#clock;
    const logs = CONTROLLER_TYPES.get(controller.strategy)?.logs ?? [];
    this.#logs = new ControllerLogs({ dir: logDir, dialect, logs, epochNs, onStatus, onLine });
    if (STRATEGIES.has(controller.strategy)) {
      const inputFor = generateInputs ? () => toPayload(new Uint8Array(0)) : null;
      for (const line of parameterText({ ...controller, inputFor })) onLine(line);
    }
    const where = `${clients.host}:${this.#clients?.port ?? clients.port}`;
    onLine(`IO service thread listening for clients on ${where}`);
  }

  async #listen(): Promise<boolean> {
    const { clients, clientLimits, linkLimits = {} } = this.#options;
    const { secret = null, allow = null, onLine } = this.#options;
    const warning = exposureWarning(clients.host, { secret, allow });
    if (warning !== null) onLine(warning);
    const opened = await ClientPort.open({
      ...clients,
      clock: this.#clock,
      loop: this.#loop,
      limits: { ...DEFAULT_CLIENT_LIMITS, ...clientLimits },
      linkLimits,
      secret: handshakeKey(secret, "client"),
      allow,
      events: {
        onRequest: (request) => void this.#came.push(request),
        // Together, as the original's admission threads take all that came while they slept.
        onRead: () => {
          if (this.#came.length > 0) this.#step(...this.#came.splice(0));
        },
        onDown: (connectionId) => this.#step({ kind: "client_down", connectionId }),
      },
      onLine,
    });
    if (opened.ok) this.#clients = opened.value;
    else this.#end({ ok: false, message: opened.error.message });
    return opened.ok;
  }

  async #openMetrics(): Promise<boolean> {
    const { metrics, onLine } = this.#options;
    const counters = this.#counters;
    if (metrics === undefined || counters === null) return true;
    const opened = await openMetrics({
      ...metrics,
      page: () => {
        const workers = this.#workers.open.length;
        return counters.text({ clients: this.#clients?.links.length ?? 0, workers });
      },
    });
    if (opened.ok) {
      this.#metrics = opened.value;
      onLine(`Metrics on http://${metrics.host}:${opened.value.port}/metrics`);
    } else this.#end({ ok: false, message: opened.error.message });
    return opened.ok;
  }

  async #connectWorkers(): Promise<void> {
    const connected = await this.#workers.connectAll();
    if (!connected.ok) this.#end({ ok: false, message: connected.error.message });
  }

  #step(...events: readonly ControllerEvent[]): void {
    if (this.#ending !== null) return;
    const effects = this.#controller.step(this.#clock.now(), ...events);
    for (const effect of effects) this.#apply(effect);
    if (this.#ending === null) this.#alarm.arm(this.#controller.nextTimeout());
  }

  #apply(effect: ControllerEffect): void {
    switch (effect.kind) {
      case "send_action":
        this.#workers.send(effect.worker, effect.action);
        break;
      case "respond":
        this.#clients?.respond(effect.connectionId, effect);
        break;
      case "request_done":
        this.#logs?.request(effect.record);
        this.#counters?.onRequest(effect.record);
        break;
      case "action_done":
        this.#logs?.action(effect.record);
        this.#counters?.onAction(effect.record);
        break;
      case "print":
        this.#options.onLine(effect.line);
        break;
      case "ready": {
        const port = this.#clients?.port ?? null;
        this.#options.onStatus({ event: "ready", role: "controller", port });
        break;
      }
      case "close_worker":
        this.#workers.drop(effect.worker, effect.reason);
        break;
      case "fatal":
        this.#end({ ok: false, message: effect.message });
        break;
      default:
        assertNever(effect);
    }
  }

  #end(ending: ControllerEnding): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    // Whoever still waits is told, and what is open gets its rows, whatever the reason.
    const effects = this.#controller.step(this.#clock.now(), { kind: "stop" });
    for (const effect of effects) this.#apply(effect);
    this.#alarm.arm(null);
    this.#workers.giveUp();
    if (!ending.ok) this.#options.onStatus({ event: "error", message: ending.message });
    this.#ended.resolve(ending);
  }

  async #close(): Promise<void> {
    await this.#logs?.close();
    const message = "the controller is ending";
    await Promise.all([
      this.#clients?.close(),
      this.#metrics?.close(),
      this.#workers.close(message),
    ]);
    this.#options.onLine("Clockwork Controller Exiting");
  }
}
