/** Clients that do everything wrong, against a real controller: they harm themselves, and nobody else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectRaw, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClock } from "#host/clock.ts";
import { requestToWire } from "#host/wire-mapping.ts";
import type { ClientRequest } from "#serving/messages.ts";
import { Rng } from "#stdx/rng.ts";
import { NO_DELTA } from "#wire/clock-sync.ts";
import { encodeHead, FrameDecoder } from "#wire/framing.ts";
import { REQUESTS, RESPONSES } from "#wire/messages.ts";
import { RoleProcess } from "../../scripts/bench/role-process.ts";
import { inferOf, PoliteClient } from "../support/polite-client.ts";

const MODELS = 400;
const CONNECTIONS_MAX = 100;
const REQUESTS_MAX = 500;
const clock = startClock();
const logDir = mkdtempSync(join(tmpdir(), "hostile-"));
let worker: RoleProcess;
let controller: RoleProcess;
let port = 0;
let polite: PoliteClient;
const sockets: Socket[] = [];

beforeAll(async () => {
  worker = new RoleProcess(["worker", "-p", "0", "--lifeline"]);
  const at = (await worker.status("ready")).port;
  const limits = [
    "--connections-max",
    String(CONNECTIONS_MAX),
    "--stall-limit",
    "2s",
    "--connection-requests-max",
    String(REQUESTS_MAX),
    "--load-stage-timeout",
    "50ms",
    // A busy machine makes no action late.
    "--schedule-ahead",
    "2s",
    "--overdue-after",
    "20s",
  ];
  controller = new RoleProcess(
    ["controller", "INFER5", `127.0.0.1:${at}`, "--client-port", "0", "--lifeline", ...limits],
    { CLOCKWORK_LOG_DIR: logDir },
  );
  port = (await controller.status("ready")).port ?? 0;
  polite = await PoliteClient.connect(clock, port);
  await polite.load("/zoo/resnet50_v2/model", MODELS);
  void polite.keepAsking();
});

/** Whatever happened: the polite client is still there, was answered all the while, and goes on being answered. */
const expectUnharmed = async (): Promise<void> => {
  controller.assertAlive();
  await polite.answered(20);
  expect(polite.statuses.filter((status) => status !== 0)).toEqual([]);
};

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  await polite.close();
  await controller[Symbol.asyncDispose]();
  await worker[Symbol.asyncDispose]();
  rmSync(logDir, { recursive: true });
});

const open = async (): Promise<Socket> => {
  const socket = connectRaw({ host: "127.0.0.1", port });
  sockets.push(socket);
  const { promise, resolve } = Promise.withResolvers<void>();
  // A connection that is refused at once may end before it is told as open.
  for (const event of ["connect", "error", "close"]) socket.once(event, () => resolve());
  socket.on("error", () => {});
  await promise;
  return socket;
};

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once("close", () => resolve());
  });

const encode = (request: ClientRequest, messageId: number): Uint8Array =>
  encodeHead(REQUESTS, requestToWire(request, messageId), {
    sendTimeNs: 0n,
    localDeltaNs: NO_DELTA,
  });

/** Status of each response by message id, as they come. */
const readStatuses = (socket: Socket): Map<number, number[]> => {
  const statuses = new Map<number, number[]>();
  const decoder = new FrameDecoder(RESPONSES);
  socket.on("data", (chunk: Uint8Array) => {
    decoder.push(chunk, 0);
    for (let step = decoder.next(); step !== null; step = decoder.next()) {
      if (!step.ok) throw new Error(step.error.message);
      const { messageId, fields } = step.value.frame;
      const id = Number(messageId);
      statuses.set(id, [...(statuses.get(id) ?? []), fields.header.status ?? -1]);
    }
  });
  return statuses;
};

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(5);
};

describe("a client that", () => {
  afterEach(expectUnharmed);

  test("resets its connection with requests outstanding", async () => {
    for (let round = 0; round < 20; round++) {
      const socket = await open();
      for (let id = 0; id < 20; id++) socket.write(encode(inferOf(id, id), id));
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
  });

  test("sends garbage is disconnected", async () => {
    const rng = Rng.of(1, "garbage");
    for (let round = 0; round < 40; round++) {
      const socket = await open();
      const end = closed(socket);
      socket.resume();
      const bytes = new Uint8Array(48 + rng.below(2000)).map(() => rng.below(256));
      // A well-formed request before it is answered all the same.
      if (round % 2 === 0) socket.write(encode(inferOf(0), 0));
      socket.write(bytes);
      await end;
    }
  });

  test("asks to evict, to upload or to load is told that it may not, and goes on", async () => {
    const socket = await open();
    const statuses = readStatuses(socket);
    const header = { userId: 0, userRequestId: 0 };
    socket.write(encode({ ...header, kind: "evict", modelId: 0 }, 0));
    socket.write(encode({ ...header, kind: "upload" }, 1));
    socket.write(encode({ ...header, kind: "load_model", path: "/../etc/passwd", copies: 1 }, 2));
    socket.write(encode(inferOf(0, 2 ** 31), 3));
    socket.write(encode(inferOf(0, MODELS), 4));
    socket.write(encode(inferOf(0, MODELS - 1), 5));
    await until(() => statuses.size === 6);
    expect([...statuses].toSorted(([a], [b]) => a - b).map(([, [status]]) => status)).toEqual([
      6, 6, 6, 1, 1, 0,
    ]);
  });

  test("sends half a message and then nothing is disconnected once that has lasted", async () => {
    const pieces = [encode(inferOf(0), 0).slice(0, 60), new Uint8Array(3)];
    const ends = pieces.map(async (piece) => {
      const socket = await open();
      const end = closed(socket);
      socket.resume();
      socket.write(piece);
      await end;
    });
    await Promise.all(ends);
  });

  test("never reads its responses is held back, and disconnected once that has lasted", async () => {
    const socket = await open();
    socket.pause();
    const end = closed(socket);
    // Each listing has about 30 kB: 400 of them are far more than the network takes in.
    const list = encode({ kind: "ls", userId: 0, userRequestId: 0 }, 0);
    for (let id = 0; id < 400; id++) socket.write(list);
    await polite.answered(100);
    // A paused socket tells nothing of its end; what it sends does.
    const probe = setInterval(() => socket.write(list), 100);
    await end;
    clearInterval(probe);
  });

  test("floods is refused what is too much, and gets exactly one response to everything", async () => {
    const socket = await open();
    const statuses = readStatuses(socket);
    const count = 20 * REQUESTS_MAX;
    const frames = Array.from({ length: count }, (_, id) => encode(inferOf(id, id % 10, 66), id));
    socket.write(Buffer.concat(frames));
    await until(() => statuses.size === count);
    await polite.answered(20);
    const all = [...statuses.values()];
    expect(all.every(({ length }) => length === 1)).toBe(true);
    const refused = all.filter(([status]) => status === 9).length;
    const served = all.filter(([status]) => status === 0).length;
    expect(refused + served).toBe(count);
    expect(served).toBeGreaterThanOrEqual(REQUESTS_MAX);
    expect(refused).toBeGreaterThan(0);
    const rows = readFileSync(join(logDir, "clockwork_request_log.tsv"), "utf8").split("\n");
    const isRefused = (row: string): boolean => row.split("\t")[2] === "9";
    // Rows are written out within a second.
    if (rows.filter(isRefused).length !== refused) await polite.answered(500);
    const after = readFileSync(join(logDir, "clockwork_request_log.tsv"), "utf8").split("\n");
    expect(after.filter(isRefused)).toHaveLength(refused);
  });

  test("connects and says nothing makes room for one that does", async () => {
    const silent: Socket[] = [];
    for (let i = 0; i < CONNECTIONS_MAX + 20; i++) silent.push(await open());
    const another = await PoliteClient.connect(clock, port);
    expect((await another.ask(inferOf(0))).status).toBe(0);
    // The oldest went: at most the limit is open, ours and the polite client's among them.
    await until(() => silent.filter((socket) => !socket.destroyed).length <= CONNECTIONS_MAX - 2);
    expect(silent.at(-1)?.destroyed).toBe(false);
    await another.close();
  });

  test("opens 10,000 connections", async () => {
    let opened = 0;
    for (let wave = 0; wave < 100; wave++) {
      const made = await Promise.all(Array.from({ length: 100 }, open));
      opened += made.length;
    }
    expect(opened).toBe(10_000);
    const another = await PoliteClient.connect(clock, port);
    expect((await another.ask(inferOf(0))).status).toBe(0);
    await another.close();
  });
});

/** After all of the above: the controller ends while the polite client asks. */
test("the log has one row for every request, and only whole rows", async () => {
  await polite.answered(1);
  await controller[Symbol.asyncDispose]();
  polite.stop();
  const text = readFileSync(join(logDir, "clockwork_request_log.tsv"), "utf8");
  expect(text.endsWith("\n")).toBe(true);
  const rows = text.trimEnd().split("\n");
  const columns = rows[0]?.split("\t").length;
  expect(rows.every((row) => row.split("\t").length === columns)).toBe(true);
  const ids = rows.slice(1).map((row) => Number(row.split("\t")[1]));
  expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: ids.length }, (_, id) => id));
});
