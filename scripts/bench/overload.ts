/** Ten times the load that a controller's worker can serve, for as long as is asked: memory, and one answer to everything. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClock } from "#host/clock.ts";
import { connect } from "#host/link.ts";
import { requestToWire, responseFromWire, toPayload } from "#host/wire-mapping.ts";
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import { ENDPOINTS } from "#wire/messages.ts";
import { RoleProcess } from "./role-process.ts";

/** One GPU executes 8 requests of densenet161 in 23.94 ms: 334 per second. */
const RATE_PER_S = 3_340;
const REQUESTS_MAX = 5_000;
const INPUT_BYTES = 4_096;
/** Every other request may wait for minutes, so that the limit is reached; the others have 100 ms. */
const PATIENT_FACTOR = 1e5;
const TICK_MS = 5;
const SAMPLE_MS = 250;
const PAGE_MIB = 4_096 / 2 ** 20;

export interface OverloadOutcome {
  readonly sent: number;
  /** Requests that got another number of responses than one. */
  readonly notOnce: number;
  readonly byStatus: ReadonlyMap<number, number>;
  /** Rows of the request log, and those of refused requests. */
  readonly rows: number;
  readonly refusedRows: number;
  /** Medians of the controller's resident memory, once it has filled up: in the first and the second half. */
  readonly firstMiB: number;
  readonly secondMiB: number;
}

const residentMiB = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_MIB;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const openClient = async (port: number, onResponse: (id: number, of: ClientResponse) => void) => {
  const connected = await connect({
    endpoint: ENDPOINTS.client,
    clock: startClock(),
    host: "127.0.0.1",
    port,
    timeoutMs: 10_000,
    accept: () => ({
      onMessage: (frame) => {
        const { messageId, message } = responseFromWire(frame);
        onResponse(messageId, message);
      },
    }),
  });
  if (!connected.ok) throw new Error(connected.error.message);
  return connected.value;
};

type Ask = (request: ClientRequest) => Promise<ClientResponse>;

/** Loads the model and waits until it is served. */
const load = async (ask: Ask): Promise<void> => {
  const header = { userId: 0, userRequestId: 0 };
  await ask({ ...header, kind: "load_model", path: "/zoo/densenet161/model", copies: 1 });
  while ((await ask({ ...header, kind: "ls" })).status !== 0) await Bun.sleep(10);
};

const inferOf = (id: number, input: ReturnType<typeof toPayload>): ClientRequest => {
  const sloFactor = id % 2 === 0 ? PATIENT_FACTOR : 0;
  const what = { kind: "infer", modelId: 0, batchSize: 1, sloFactor, input } as const;
  return { userId: 0, userRequestId: id, ...what };
};

const drive = async (controller: RoleProcess, seconds: number) => {
  const port = (await controller.status("ready")).port ?? 0;
  const waiting = new Map<number, (response: ClientResponse) => void>();
  const counts: number[] = [];
  const byStatus = new Map<number, number>();
  let nextId = 0;
  let first = Number.POSITIVE_INFINITY;
  const link = await openClient(port, (id, response) => {
    waiting.get(id)?.(response);
    if (id < first) return;
    counts[id - first] = (counts[id - first] ?? 0) + 1;
    byStatus.set(response.status, (byStatus.get(response.status) ?? 0) + 1);
  });
  await load((request) => {
    const { promise, resolve } = Promise.withResolvers<ClientResponse>();
    waiting.set(nextId, resolve);
    link.send(requestToWire(request, nextId++));
    return promise;
  });
  first = nextId;
  const input = toPayload(new Uint8Array(INPUT_BYTES));
  const samples: number[] = [];
  const sampling = setInterval(() => samples.push(residentMiB(controller.pid)), SAMPLE_MS);
  const startedMs = performance.now();
  for (let passedMs = 0; passedMs < seconds * 1000; passedMs = performance.now() - startedMs) {
    const due = first + Math.floor((passedMs / 1000) * RATE_PER_S);
    for (; nextId < due; nextId++) link.send(requestToWire(inferOf(nextId, input), nextId));
    await Bun.sleep(TICK_MS);
  }
  clearInterval(sampling);
  const sent = nextId - first;
  return { link, samples, sent, counts, byStatus };
};

/** Runs the overload and then ends the controller, which answers what is still open. */
export const measureOverload = async (seconds: number): Promise<OverloadOutcome> => {
  const logDir = mkdtempSync(join(tmpdir(), "overload-"));
  try {
    await using worker = new RoleProcess(["worker", "-p", "0", "--lifeline"]);
    const at = `127.0.0.1:${(await worker.status("ready")).port}`;
    const options = ["--client-port", "0", "--requests-max", String(REQUESTS_MAX), "--lifeline"];
    const env = { CLOCKWORK_LOG_DIR: logDir };
    const controller = new RoleProcess(["controller", "INFER5", at, ...options], env);
    let driven: Awaited<ReturnType<typeof drive>>;
    try {
      driven = await drive(controller, seconds);
      controller.assertAlive();
    } finally {
      await controller[Symbol.asyncDispose]();
    }
    await driven.link.closed;
    const { samples, sent, counts, byStatus } = driven;
    // Until the limit is reached memory grows, as it should.
    const steady = samples.slice(Math.floor(samples.length / 5));
    const half = Math.floor(steady.length / 2);
    const log = readFileSync(join(logDir, "clockwork_request_log.tsv"), "utf8");
    const rows = log.trimEnd().split("\n").slice(1);
    return {
      sent,
      notOnce: Array.from({ length: sent }, (_, id) => counts[id] ?? 0).filter((n) => n !== 1)
        .length,
      byStatus,
      rows: rows.length,
      refusedRows: rows.filter((row) => row.split("\t")[2] === "9").length,
      firstMiB: median(steady.slice(0, half)),
      secondMiB: median(steady.slice(half)),
    };
  } finally {
    rmSync(logDir, { recursive: true });
  }
};
