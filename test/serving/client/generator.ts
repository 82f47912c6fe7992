/** A load generator whose controller is the test itself. */

import type { ClientEffect, ClientEvent, ClientRecord } from "#serving/client/events.ts";
import { LoadGenerator } from "#serving/client/load-generator.ts";
import type { LoadGeneratorOptions } from "#serving/client/options.ts";
import type { ClientResponse } from "#serving/messages.ts";
import { MILLISECOND, type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { type ArrivalProcessOptions, createArrivalProcess } from "#workload/arrival-process.ts";

export const ms = (value: number): Nanos => ns(value * MILLISECOND);

/** 100 requests/s for 1 s, of which the middle 0.8 s are measured; two models with three instances. */
export const OPTIONS = {
  clientId: 7,
  models: [
    { model: "resnet50_v2", instances: 2 },
    { model: "vgg11", instances: 1 },
  ],
  modelDir: "/zoo",
  warmUp: ms(100),
  duration: ms(800),
  coolDown: ms(100),
  slo: ms(25),
  readyLimit: ns(30 * SECOND),
  drainLimit: ns(5 * SECOND),
  outstandingMax: 1000,
  makeInput: () => ({ sizeBytes: 0 }),
  startWhenReady: false,
} satisfies Omit<LoadGeneratorOptions, "arrivals">;

type WorkloadChanges = Partial<ArrivalProcessOptions["workload"]>;

export const arrivalsOf = (changes: WorkloadChanges = {}) => {
  const times = { warmUpNs: ms(100), durationNs: ms(800), coolDownNs: ms(100), inputs: false };
  const workload = { arrivals: "constant", ratePerS: 100, ...times, ...changes };
  const made = createArrivalProcess({
    workload: workload as ArrivalProcessOptions["workload"],
    seed: 1,
    models: OPTIONS.models,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value;
};

type Sent = Extract<ClientEffect, { readonly kind: "send" }>;

/** Steps the generator, keeps what it did, and confirms what it sent at the same instant, as a real network does. */
export class Bench {
  readonly generator: LoadGenerator;
  readonly effects: ClientEffect[] = [];
  now: Nanos = ns(0);

  constructor(changes: Partial<LoadGeneratorOptions> = {}) {
    this.generator = new LoadGenerator({ ...OPTIONS, arrivals: arrivalsOf(), ...changes });
  }

  step(event: ClientEvent, now: Nanos = this.now): readonly ClientEffect[] {
    this.now = now;
    const effects = this.generator.step(now, event);
    this.effects.push(...effects);
    const last = effects.findLast((effect) => effect.kind === "send");
    if (last !== undefined) this.generator.step(now, { kind: "sent", upTo: last.messageId });
    return effects;
  }

  /** Fires the next timer; returns what it did. */
  fire(): readonly ClientEffect[] {
    const at = this.generator.nextTimeout();
    if (at === null) throw new Error("nothing is due");
    return this.step({ kind: "timer" }, at > this.now ? at : this.now);
  }

  /** Fires timers until the next one lies beyond `until`. */
  runUntil(until: Nanos): void {
    for (let i = 0; i < 100_000; i++) {
      const at = this.generator.nextTimeout();
      if (at === null || at > until) return;
      this.fire();
    }
    throw new Error("the generator does not come to rest");
  }

  respond(messageId: number, changes: Partial<ClientResponse> = {}, now: Nanos = this.now) {
    const response = {
      kind: "infer",
      status: 0,
      message: "",
      userRequestId: 0,
      modelId: 0,
      batchSize: 1,
      output: null,
      ...changes,
    } as ClientResponse;
    return this.step(
      { kind: "response", messageId, received: now, responseSent: now, response },
      now,
    );
  }

  /** Connects, loads all three instances (ids 10, 11 and 12), and gets the list. */
  becomeReady(): readonly ClientEffect[] {
    this.step({ kind: "link_up" });
    this.respond(0, {
      kind: "load_model",
      modelId: 10,
      copies: 2,
      inputBytes: 100,
      outputBytes: 1,
    });
    this.respond(1, {
      kind: "load_model",
      modelId: 12,
      copies: 1,
      inputBytes: 100,
      outputBytes: 1,
    });
    return this.respond(2, LISTED);
  }

  sends(): readonly Sent[] {
    return this.effects.filter((effect) => effect.kind === "send");
  }

  inferences(): readonly Sent[] {
    return this.sends().filter(({ request }) => request.kind === "infer");
  }

  records(): readonly ClientRecord[] {
    return this.effects.flatMap((effect) =>
      effect.kind === "request_done" ? [effect.record] : [],
    );
  }

  of<K extends ClientEffect["kind"]>(
    kind: K,
  ): readonly Extract<ClientEffect, { readonly kind: K }>[] {
    return this.effects.filter((effect) => effect.kind === kind) as never;
  }
}

export const LISTED: Partial<ClientResponse> = {
  kind: "ls",
  models: [10, 11, 12].map((modelId) => ({ modelId, path: "", inputBytes: 100, outputBytes: 1 })),
};

/** Ready at 0, started: the first request is due after the lead. */
export const started = (
  changes = {},
): { readonly bench: Bench; readonly start: ReturnType<typeof ns> } => {
  const bench = new Bench(changes);
  bench.becomeReady();
  bench.step({ kind: "start" });
  const window = bench.of("started")[0];
  if (window === undefined) throw new Error("not started");
  return { bench, start: window.sendStart };
};
