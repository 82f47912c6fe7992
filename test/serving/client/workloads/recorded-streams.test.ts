/**
 * The original client's own streams, captured on the wire: told what its controller answered and when, our client with
 * the same workload sends the same requests.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ClientEffect } from "#serving/client/events.ts";
import { findWorkload } from "#serving/client/workloads/catalogue.ts";
import { Streams } from "#serving/client/workloads/draws.ts";
import { WorkloadClient } from "#serving/client/workloads/workload-client.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { MILLISECOND, type Nanos, ns, SECOND, ZERO_NS } from "#stdx/nanos.ts";
import { err, ok } from "#stdx/result.ts";
import type { TraceFunction } from "#workload/azure-trace.ts";

const shared =
  process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../../../shared");
const vectors = join(shared, "vectors");
const hasVectors = existsSync(vectors);
if (!hasVectors) console.warn(`SKIPPED: no captured streams at ${vectors}`);

interface Header {
  readonly user_id: number;
  readonly user_request_id: number;
  readonly status: number;
  readonly message: string;
}

interface Frame {
  readonly message: string;
  readonly msg_id: number;
  readonly send_time: string;
  readonly body_len: number;
  readonly fields: {
    readonly header: Header;
    readonly remote_path: string;
    readonly no_of_copies: number;
    readonly model_id: number;
    readonly batch_size: number;
    readonly slo_factor: number;
    readonly input_size: number;
    readonly copies_created: number;
    readonly models?: readonly { readonly model_id: number }[];
  };
}

const framesOf = (folder: string, direction: "up" | "down"): readonly Frame[] =>
  readFileSync(join(vectors, folder, `client-ctl.0.${direction}.frames.jsonl`), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Frame);

const MODELS = [
  "cifar_resnet56_v2",
  "densenet121",
  "densenet169",
  "googlenet",
  "inceptionv3",
  "mobile_pose_resnet50_v1b",
  "resnet101_v2",
  "resnet152_v2",
  "resnet18_v2",
  "resnet34_v2",
  "resnet50_v2",
];

/** What was sent, without the body's bytes. */
const textOf = (messageId: number, request: ClientRequest): string => {
  const head = `${messageId} ${request.userRequestId} user ${request.userId}`;
  if (request.kind === "ls") return `${head} ls`;
  if (request.kind === "load_model")
    return `${head} load ${request.path.split("/").slice(-2).join("/")} x${request.copies}`;
  if (request.kind !== "infer") return request.kind;
  const { modelId, batchSize, sloFactor, input } = request;
  const body = input.sizeBytes > 0 ? "with" : "without";
  return `${head} infer ${modelId} batch ${batchSize} slo ${sloFactor} ${body} input`;
};

const frameText = ({ message, msg_id, body_len, fields }: Frame): string => {
  const { header } = fields;
  const common = { userId: header.user_id, userRequestId: header.user_request_id };
  if (message === "LSReqProto") return textOf(msg_id, { kind: "ls", ...common });
  if (message === "LoadModelFromDiskReqProto") {
    const load = { path: fields.remote_path, copies: fields.no_of_copies };
    return textOf(msg_id, { kind: "load_model", ...common, ...load });
  }
  const { model_id: modelId, batch_size: batchSize, slo_factor: sloFactor } = fields;
  const infer = { modelId, batchSize, sloFactor, input: { sizeBytes: body_len } };
  return textOf(msg_id, { kind: "infer", ...common, ...infer });
};

const toResponse = ({ message, fields }: Frame): ClientResponse => {
  const { header, model_id: modelId } = fields;
  const common = {
    userRequestId: header.user_request_id,
    status: header.status,
    message: header.message,
  };
  if (message === "LSRspProto") {
    const models = (fields.models ?? []).map(({ model_id }) => ({
      modelId: model_id,
      path: "",
      inputBytes: 1,
      outputBytes: 1,
    }));
    return { kind: "ls", ...common, models };
  }
  if (message === "LoadModelFromDiskRspProto") {
    const sizes = { inputBytes: fields.input_size, outputBytes: 1 };
    return { kind: "load_model", ...common, modelId, ...sizes, copies: fields.copies_created };
  }
  return { kind: "infer", ...common, modelId, batchSize: fields.batch_size, output: null };
};

interface Sent {
  readonly at: Nanos;
  readonly text: string;
}

interface Recording {
  readonly folder: string;
  readonly workload: string;
  readonly hasInputs?: boolean;
  readonly functions?: readonly TraceFunction[];
}

/** Plays the controller's side of a recording to our client, up to the last request that was captured. */
const replay = ({ folder, workload, hasInputs = false, functions }: Recording) => {
  const [name = "", ...args] = workload.split(" ");
  const plan = findWorkload(name)?.plan(args, {
    zoo: { models: MODELS, source: "/zoo" },
    streams: new Streams("original", 0),
    readTrace: () => (functions === undefined ? err("no trace") : ok(functions)),
  });
  if (plan === undefined || !plan.ok) throw new Error(plan?.error);
  const client = new WorkloadClient({
    plan: plan.value,
    clientId: 0,
    modelDir: "/zoo",
    usersAreShared: true,
    warmUp: ZERO_NS,
    duration: null,
    slo: SECOND,
    connectLimit: SECOND,
    readyLimit: ns(60 * SECOND),
    drainLimit: SECOND,
    outstandingMax: 10_000,
    makeInput: (sizeBytes) => ({ sizeBytes: hasInputs ? sizeBytes : 0 }),
  });
  const up = framesOf(folder, "up");
  const epochNs = BigInt(up[0]?.send_time ?? 0);
  const at = ({ send_time }: Frame): Nanos => ns(Number(BigInt(send_time) - epochNs));
  const end = at(up.at(-1) as Frame) + 100 * MILLISECOND;
  const sent: Sent[] = [];
  const take = (now: Nanos, effects: readonly ClientEffect[]): void => {
    for (const effect of effects)
      if (effect.kind === "send")
        sent.push({ at: now, text: textOf(effect.messageId, effect.request) });
  };
  take(ZERO_NS, client.step(ZERO_NS, { kind: "link_up" }));
  for (const frame of framesOf(folder, "down")) {
    const now = at(frame);
    for (let due = client.nextTimeout(); due !== null && due <= Math.min(now, end); ) {
      take(due, client.step(due, { kind: "timer" }));
      due = client.nextTimeout();
    }
    if (now > end) break;
    const response = toResponse(frame);
    const event = { messageId: frame.msg_id, received: now, responseSent: now, response };
    take(now, client.step(now, { kind: "response", ...event }));
  }
  return { sent, captured: up.map((frame) => ({ at: at(frame), text: frameText(frame) })) };
};

describe.skipIf(!hasVectors)("closed loops, request by request", () => {
  test.each([
    ["simple", "simple", false],
    ["simple_n2", "simple", false],
    ["simple_w2", "simple", false],
    ["simple_inputs", "simple", true],
    ["geninputs", "simple", false],
    ["lateload", "simple", false],
    ["slo_i5", "simple-slo-factor", false],
    ["evict", "comparison_experiment2 6 2", false],
    ["toolate", "comparison_experiment2 6 2", false],
    ["loaderr_badpath", "simple", false],
    ["loaderr_nomeas", "simple", false],
  ])("%s is `%s`", (folder, workload, hasInputs) => {
    const { sent, captured } = replay({ folder, workload, hasInputs });
    expect(captured.length).toBeGreaterThan(0);
    expect(sent.slice(0, captured.length).map(({ text }) => text)).toEqual(
      captured.map(({ text }) => text),
    );
    // As late as the original's own threads were, and never earlier than it by more than the capture is uncertain.
    const late = captured.map(({ at }, index) => (at - (sent[index]?.at ?? 0)) / MILLISECOND);
    expect(Math.min(...late)).toBeGreaterThan(-1);
    expect(Math.max(...late)).toBeLessThan(40);
  });
});

/**
 * Invocations in the first minute of the recording's trace, by rank: whole numbers found from the instants that were
 * captured, one for each function, and nothing else is left to choose. Of the others none came in time.
 */
// biome-ignore format: a table of rank and count
const FIRST_MINUTE: Readonly<Record<number, number>> = {
  0: 1044, 1: 10_245, 2: 2326, 4: 5219, 5: 1274, 6: 197, 7: 736, 10: 469, 12: 15, 13: 491,
  14: 1201, 15: 317, 16: 754, 18: 261, 19: 299, 24: 210, 25: 633, 27: 165, 29: 165,
  36: 417, 37: 103, 39: 125, 40: 114, 48: 244, 51: 79, 52: 87, 55: 240, 60: 81,
};
const FUNCTIONS = 66;

/** Functions whose later minutes give them their ranks. */
const functionsOf = (): readonly TraceFunction[] =>
  Array.from({ length: FUNCTIONS }, (_, rank) => {
    const first = FIRST_MINUTE[rank] ?? 0;
    const names = { owner: "o", app: "a", name: `f${rank}`, trigger: "http" };
    const counts = Float64Array.of(first, 1_000_000 - rank - first);
    return { ...names, columns: Uint16Array.of(0, 1), counts };
  });

describe.skipIf(!hasVectors)("a trace, instant by instant", () => {
  const workload = "azure 1 1 1.0 1 5 1";
  const run = () => replay({ folder: "azure", workload, functions: functionsOf() });

  test("loads the same copies of the same models", () => {
    const { sent, captured } = run();
    expect(sent.slice(0, 13).map(({ text }) => text)).toEqual(
      captured.slice(0, 13).map(({ text }) => text),
    );
  });

  test("sends as many requests to every model, under the same user, each within 2 ms of the original's", () => {
    const { sent, captured } = run();
    // Requests of different functions that are due together may leave in either order: ids are left out.
    const byModel = (all: readonly Sent[]): ReadonlyMap<string, readonly number[]> => {
      const groups = new Map<string, number[]>();
      for (const { at, text } of all) {
        const what = text.replace(/^\d+ \d+ /, "");
        if (what.includes("infer"))
          groups.set(what, [...(groups.get(what) ?? []), at / MILLISECOND]);
      }
      return groups;
    };
    const last = captured.at(-1)?.at ?? 0;
    const ours = byModel(sent.filter(({ at }) => at <= last));
    const theirs = byModel(captured);
    expect(theirs.size).toBe(20);
    expect([...ours.keys()].toSorted()).toEqual([...theirs.keys()].toSorted());
    const lags: number[] = [];
    for (const [what, times] of theirs) {
      const own = ours.get(what) ?? [];
      expect(own.length, what).toBe(times.length);
      lags.push(...times.map((time, index) => time - (own[index] ?? 0)));
    }
    expect(lags).toHaveLength(187);
    const start = Math.min(...lags);
    expect(Math.max(...lags) - start).toBeLessThan(2);
  });
});

const logs = join(shared, "data/clockwork-telemetry/poisson-infer5-1gpu/clockwork_request_log.tsv");

describe.skipIf(!hasVectors)("poisson-open-loop 10 200, as its controller logged it", () => {
  /** Arrivals of each user in ns from the first of all. */
  const arrivals = (): ReadonlyMap<number, readonly number[]> => {
    const rows = readFileSync(logs, "utf8").split("\n").slice(1, -1);
    const all = rows.map((row) => {
      const cells = row.split("\t");
      return {
        user: Number(cells[3]),
        at: BigInt(cells[0] ?? 0) - BigInt(cells[6] ?? 0),
      };
    });
    const start = all.reduce((min, { at }) => (at < min ? at : min), all[0]?.at ?? 0n);
    const byUser = new Map<number, number[]>();
    for (const { user, at } of all)
      byUser.set(user, [...(byUser.get(user) ?? []), Number(at - start)]);
    return byUser;
  };

  test("every model's requests come by the gaps of its seed", () => {
    const recorded = arrivals();
    expect(recorded.size).toBe(10);
    const streams = new Streams("original", 0);
    const lags: number[] = [];
    for (const [user, times] of recorded) {
      const draws = streams.draws(user);
      let due = 0;
      for (const time of times.toSorted((a, b) => a - b)) {
        due += draws.exponential(20 / SECOND);
        lags.push((time - due) / MILLISECOND);
      }
    }
    expect(lags.length).toBeGreaterThan(2000);
    // The first request of all was due 4.4 ms after the start. A crowded machine sent and read them late now and then.
    const sorted = lags.toSorted((a, b) => a - b).map((lag) => lag + 4.443);
    expect(sorted[0]).toBeGreaterThan(-10);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(5);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(30);
  });
});
