/**
 * A small command language that steps the controller without sockets; README.md in this folder explains it.
 * The worker does nothing by itself: every result is a command, so that each number in a script can be worked out.
 */
import { Controller } from "#serving/controller/controller.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import { STRATEGIES } from "#serving/controller/strategies.ts";
import type { Action, ActionResult, Timing, WorkerState } from "#serving/messages.ts";
import type { ActionKind } from "#serving/status.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { parseDuration } from "#stdx/quantity.ts";

/** One command with the output it must give. */
export interface Block {
  readonly line: number;
  readonly command: string;
  readonly expected: string;
}

const PAGE_BYTES = 2 ** 24;
/** resnet50_v2 of the recordings. */
const MODEL = {
  inputBytes: 602_112,
  outputBytes: 4000,
  batchSizes: [1, 2, 4, 8, 16],
  weightsBytes: 7 * PAGE_BYTES,
  weightsPages: 7,
  weightsLoadNs: ns(8_310_000),
  execNs: [2_730_000, 4_050_000, 5_880_000, 9_930_000, 17_330_000].map(ns),
} as const;

/** Splits a script into blocks: a command, "----", its output, an empty line. Lines that begin with # are comments. */
export const parseScript = (text: string): readonly Block[] => {
  const blocks: Block[] = [];
  const lines = text.split("\n").map((line) => line.trimEnd());
  for (let i = 0; i < lines.length; i++) {
    const command = lines[i] as string;
    if (command === "" || command.startsWith("#")) continue;
    if (lines[i + 1] !== "----") throw new Error(`line ${i + 2}: "----" must follow "${command}"`);
    const start = i + 2;
    let end = start;
    while (end < lines.length && lines[end] !== "") end++;
    const expected = lines.slice(start, end).filter((line) => !line.startsWith("#"));
    blocks.push({ line: i + 1, command, expected: expected.join("\n") });
    i = end;
  }
  if (blocks.length === 0) throw new Error("the script has no commands");
  return blocks;
};

type Arguments = ReadonlyMap<string, string>;

const parseArguments = (words: readonly string[]): Arguments =>
  new Map(
    words.map((word) => {
      const [name, value] = word.split("=");
      if (name === undefined || value === undefined) throw new Error(`"${word}" is not NAME=VALUE`);
      return [name, value];
    }),
  );

const numberOf = (args: Arguments, name: string, otherwise: number): number => {
  const value = Number(args.get(name) ?? otherwise);
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number`);
  return value;
};

const spanOf = (args: Arguments, name: string, otherwise: number): Nanos => {
  const text = args.get(name);
  const value = text === undefined ? ns(otherwise) : parseDuration(text);
  if (value === null) throw new Error(`${name} must be a duration`);
  return value;
};

export class Scenario {
  #controller: Controller | null = null;
  /** The instant the scheduler started; scripts count from here. */
  #origin = 0;
  #now = 0;
  #isQuiet = true;
  #sendsByHand = false;
  #gpus = 1;
  #pages = 0;
  readonly #actions = new Map<number, { readonly worker: number; readonly action: Action }>();
  #output: string[] = [];
  #requests = 0;

  /** Runs one command and returns what it gave rise to, one effect per line. */
  run(command: string): string {
    this.#output = [];
    const words = command.split(/\s+/);
    if (words[0] === "start") {
      this.#start(parseArguments(words.slice(1)));
    } else if (words[0] === "at" && words[1] !== undefined && words[2] !== undefined) {
      const at = parseDuration(words[1]);
      if (at === null) throw new Error(`"${words[1]}" is not an instant`);
      this.#runUntil(this.#origin + at);
      this.#command(words[2], words.slice(3));
    } else {
      throw new Error(`unknown command "${command}"`);
    }
    return this.#output.join("\n");
  }

  #start(args: Arguments): void {
    const workerCount = numberOf(args, "workers", 1);
    const gpus = numberOf(args, "gpus", 1);
    const pages = numberOf(args, "pages", 1376);
    this.#sendsByHand = args.get("sends") === "by-hand";
    const strategy = args.get("type") ?? "INFER5";
    const maxBatchSize = STRATEGIES.get(strategy)?.maxBatchSize ?? DEFAULT_OPTIONS.maxBatchSize;
    this.#controller = new Controller({ ...DEFAULT_OPTIONS, strategy, maxBatchSize, workerCount });
    for (let worker = 0; worker < workerCount; worker++) this.#step({ kind: "worker_up", worker });
    this.#pages = pages;
    this.#gpus = gpus;
    const state = this.#stateOf(new Map());
    for (let worker = 0; worker < workerCount; worker++) {
      const bare = { actionId: worker, actionReceived: null, resultSent: null };
      this.#result(worker, { ...bare, kind: "get_worker_state", state });
    }
    const copies = numberOf(args, "copies", 1);
    const load = { kind: "load_model", path: "/zoo/resnet50_v2/model", copies } as const;
    const request = { ...load, userId: 0, userRequestId: 0 };
    this.#step({ kind: "request", connectionId: 0, messageId: 0, arrival: ns(0), request });
    for (let worker = 0; worker < workerCount; worker++) {
      const bare = { actionId: worker, actionReceived: null, resultSent: null };
      this.#result(worker, { ...bare, ...MODEL, kind: "load_model", copies, timing: span(0, 0) });
    }
    this.#runUntil(DEFAULT_OPTIONS.loadStageTimeout + 1);
    this.#origin = this.#now;
    this.#isQuiet = false;
    this.#actions.clear();
  }

  #command(verb: string, words: readonly string[]): void {
    switch (verb) {
      case "request":
        for (const request of this.#requestsOf(parseArguments(words))) this.#step(request);
        return;
      case "together":
        this.#step(...this.#requestsOf(parseArguments(words)));
        return;
      case "tick":
        return;
      case "worker_up":
        this.#step({ kind: "worker_up", worker: Number(words[0]) });
        return;
      case "worker_down":
        this.#step({ kind: "worker_down", worker: Number(words[0]), reason: "connection reset" });
        return;
      default: {
        const actionId = Number(words[0]?.slice(1));
        const entry = this.#actions.get(actionId);
        if (entry === undefined) throw new Error(`no action ${words[0]} has been sent`);
        const { worker, action } = entry;
        if (verb === "sent") this.#step({ kind: "action_sent", worker, actionId });
        else if (verb === "failed") this.#fail(worker, action, parseArguments(words.slice(1)));
        else if (verb === "done") this.#done(worker, action, parseArguments(words.slice(1)));
        else throw new Error(`unknown verb "${verb}"`);
      }
    }
  }

  #requestsOf(args: Arguments): readonly ControllerEvent[] {
    return Array.from({ length: numberOf(args, "count", 1) }, () => {
      const userRequestId = this.#requests++;
      return {
        kind: "request",
        connectionId: 0,
        messageId: userRequestId,
        arrival: ns(this.#now),
        request: {
          kind: "infer",
          userId: 0,
          userRequestId,
          batchSize: 1,
          input: { sizeBytes: 0 },
          modelId: numberOf(args, "model", 0),
          sloFactor: numberOf(args, "slo_factor", 0),
        },
      };
    });
  }

  /** `end` is the worker's instant of the end, `took` the duration it measured; the profile's unless given. */
  #done(worker: number, action: Action, args: Arguments): void {
    const end = this.#origin + spanOf(args, "end", this.#now - this.#origin);
    const bare = { actionId: action.actionId, actionReceived: null, resultSent: null };
    if (action.kind === "infer") {
      const index = MODEL.batchSizes.findIndex((size) => size === action.batchSize);
      const took = spanOf(args, "took", MODEL.execNs[index] as number);
      const clock = numberOf(args, "clock", 1380);
      this.#result(worker, {
        ...bare,
        kind: "infer",
        gpuId: action.gpuId,
        output: { sizeBytes: 0 },
        copyInput: span(end, end),
        exec: span(end - took, end),
        copyOutput: span(end, end),
        gpuClockBeforeMhz: clock,
        gpuClockMhz: clock,
      });
    } else if (action.kind === "load_weights") {
      const took = spanOf(args, "took", MODEL.weightsLoadNs);
      this.#result(worker, { ...bare, kind: "load_weights", timing: span(end - took, end) });
    } else if (action.kind === "evict_weights") {
      this.#result(worker, { ...bare, kind: "evict_weights", timing: span(end, end) });
    } else if (action.kind === "get_worker_state") {
      this.#result(worker, { ...bare, kind: "get_worker_state", state: this.#stateOf(args) });
    } else if (action.kind === "load_model") {
      const { copies } = action;
      this.#result(worker, { ...bare, ...MODEL, kind: "load_model", copies, timing: span(0, 0) });
    } else {
      throw new Error(`${action.kind} belongs to start-up`);
    }
  }

  /** `models=0+1` are on the worker, `resident=0` is on each of its GPUs. */
  #stateOf(args: Arguments): WorkerState {
    const ids = (name: string): readonly number[] =>
      (args.get(name) ?? "").split("+").flatMap((id) => (id === "" ? [] : [Number(id)]));
    const path = "/zoo/resnet50_v2/model";
    return {
      pageSizeBytes: PAGE_BYTES,
      hostIoPoolBytes: 0,
      models: ids("models").map((modelId) => {
        const batchSizes = MODEL.batchSizes.filter((size) => size <= 8);
        return { ...MODEL, batchSizes, modelId, path };
      }),
      gpus: Array.from({ length: this.#gpus }, (_, id) => ({
        id,
        weightsCacheBytes: this.#pages * PAGE_BYTES,
        totalPages: this.#pages,
        residentModels: ids("resident"),
        ioPoolBytes: 0,
        workspacePoolBytes: 0,
      })),
    };
  }

  #fail(worker: number, action: Action, args: Arguments): void {
    const bare = { actionId: action.actionId, actionReceived: null, resultSent: null };
    const status = numberOf(args, "status", 2);
    const kind: ActionKind = action.kind;
    this.#result(worker, { ...bare, kind: "error", action: kind, status, message: "failed" });
  }

  #result(worker: number, result: ActionResult): void {
    this.#step({ kind: "result", worker, received: ns(this.#now), result });
  }

  /** Fires every timer that is due by `until`, each at its own instant. */
  #runUntil(until: number): void {
    if (until < this.#now) throw new Error("time does not go back");
    for (let steps = 0; ; steps++) {
      const due = this.#controller?.nextTimeout() ?? null;
      if (due === null || due > until) break;
      if (steps > 10_000) throw new Error("the controller never comes to rest");
      this.#now = Math.max(this.#now, due);
      this.#step({ kind: "timer" });
    }
    this.#now = until;
  }

  #step(...events: readonly ControllerEvent[]): void {
    if (this.#controller === null) throw new Error('a script begins with "start"');
    const effects = this.#controller.step(ns(this.#now), ...events);
    for (const effect of effects) this.#tell(effect);
    if (this.#sendsByHand && !this.#isQuiet) return;
    for (const effect of effects) {
      if (effect.kind !== "send_action") continue;
      const { worker, action } = effect;
      this.#step({ kind: "action_sent", worker, actionId: action.actionId });
    }
  }

  #tell(effect: ControllerEffect): void {
    const text = this.#textOf(effect);
    if (text === null || this.#isQuiet) return;
    this.#output.push(`${this.#relative(this.#now)} ${text}`);
  }

  #textOf(effect: ControllerEffect): string | null {
    switch (effect.kind) {
      case "send_action":
        this.#actions.set(effect.action.actionId, effect);
        return this.#actionText(effect.worker, effect.action);
      case "respond":
        return `response r${effect.messageId} status=${effect.response.status}`;
      case "action_done": {
        const { actionId, status, action } = effect.record;
        // Two state queries or loads per worker come first in the logs' numbering; scripts count from the scheduler.
        return status === 0 ? null : `ended ${action} logged=${actionId} status=${status}`;
      }
      case "print":
        return /^(Network Status|Client throughput|W\d+-GPU)/.test(effect.line)
          ? null
          : `print ${effect.line}`;
      case "close_worker":
        return `close W${effect.worker}: ${effect.reason}`;
      case "fatal":
        return `fatal ${effect.message}`;
      case "request_done":
      case "ready":
        return null;
    }
  }

  #actionText(worker: number, action: Action): string {
    const name = `send A${action.actionId} ${action.kind}`;
    switch (action.kind) {
      case "infer":
      case "load_weights": {
        const place = `W${worker}-GPU${action.gpuId} model=${action.modelId}`;
        const window = `window=${this.#relative(action.earliest)}..${this.#relative(action.latest)}`;
        const batch = action.kind === "infer" ? ` batch=${action.batchSize}` : "";
        return `${name} ${place}${batch} ${window} expects=${action.expectedDuration / 1e6}ms`;
      }
      case "evict_weights":
        return `${name} W${worker}-GPU${action.gpuId} model=${action.modelId}`;
      case "load_model":
        return `${name} W${worker} model=${action.modelId} copies=${action.copies}`;
      case "get_worker_state":
      case "clear_cache":
        return `${name} W${worker}`;
    }
  }

  #relative(instant: number | null): string {
    if (instant === null) return "open";
    const value = instant - this.#origin;
    return value === 0 ? "0ms" : `${value / 1e6}ms`;
  }
}

const span = (begin: number, end: number): Timing => ({
  begin: ns(begin),
  end: ns(end),
  duration: ns(end - begin),
});
