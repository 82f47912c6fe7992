/** Peers that lie about lengths, or do not read: real roles close the connection at its limits, and take no memory before. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeHead, PRE_HEADER_BYTES } from "#wire/framing.ts";
import { ACTIONS, REQUESTS } from "#wire/messages.ts";
import { RoleProcess } from "../../scripts/bench/role-process.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

const open = async (port: number | null): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port: port ?? 0 });
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
};

/** Settles when the role has closed its end; a socket that nobody reads hears of no end. */
const closed = (socket: Socket): Promise<unknown> => {
  socket.resume();
  return new Promise((resolve) => socket.once("close", resolve));
};

const preHeader = (headerBytes: bigint, bodyBytes: bigint, type: bigint): Uint8Array => {
  const bytes = new Uint8Array(PRE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of [headerBytes, bodyBytes, type].entries())
    view.setBigUint64(index * 8, value, true);
  return bytes;
};

const U64_MAX = 2n ** 64n - 1n;
const LIMITS = ["--header-bytes-max", "1KiB", "--body-bytes-max", "2KiB"];
/** Of an inference on either link; what is one more than allowed, and what no number holds. */
const LIES: readonly (readonly [bigint, bigint, string])[] = [
  [1025n, 0n, "a header of 1025 bytes is larger than 1024"],
  [U64_MAX, 0n, `a header of ${U64_MAX} bytes is larger than 1024`],
  [10n, 2049n, "a body of 2049 bytes is larger than 2048"],
  [10n, U64_MAX, `a body of ${U64_MAX} bytes is larger than 2048`],
];

const WORKER = ["worker", "-p", "0", "--profiles", "recording", "--no-config", "--lifeline"];

/** Every lie costs its own connection, with the reason; one that was there before is still answered. */
const expectRefusals = async (
  role: RoleProcess,
  port: number | null,
  type: bigint,
  question: Uint8Array,
) => {
  const honest = await open(port);
  for (const [header, body, reason] of LIES) {
    const liar = await open(port);
    liar.write(preHeader(header, body, type));
    await closed(liar);
    while (!role.lines.some((line) => line.includes(reason))) await Bun.sleep(5);
  }
  honest.write(question);
  const answer = await new Promise<Uint8Array>((resolve) => honest.once("data", resolve));
  expect(answer.length).toBeGreaterThan(PRE_HEADER_BYTES);
};

const STAMPS = { sendTimeNs: 0n, localDeltaNs: 0n };
const STATE = encodeHead(
  ACTIONS,
  { name: "GetWorkerStateAction", messageId: 0n, fields: { actionId: 1 }, body: [] },
  STAMPS,
);
const EVICT = encodeHead(
  REQUESTS,
  {
    name: "EvictReq",
    messageId: 0n,
    fields: { header: { userId: 0, userRequestId: 0 }, modelId: 0 },
    body: [],
  },
  STAMPS,
);

test("a worker's limits for header and body", async () => {
  await using worker = new RoleProcess([...WORKER, ...LIMITS]);
  const { port } = await worker.status("ready");
  await expectRefusals(worker, port, 3n, STATE);
}, 30_000);

test("a controller's limits for header and body", async () => {
  const dir = mkdtempSync(join(tmpdir(), "escapement-limits-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  await using worker = new RoleProcess(WORKER);
  const { port: workerPort } = await worker.status("ready");
  const role = ["controller", "INFER4", `127.0.0.1:${workerPort}`, "--client-port", "0"];
  const env = { CLOCKWORK_LOG_DIR: dir };
  await using controller = new RoleProcess([...role, ...LIMITS, "--lifeline"], env);
  const { port } = await controller.status("ready");
  await expectRefusals(controller, port, 2n, EVICT);
}, 30_000);

test("a controller that leaves more unread than a worker's limit is disconnected, others are not", async () => {
  await using worker = new RoleProcess([...WORKER, "--queue-bytes-max", "64KiB"]);
  const { port } = await worker.status("ready");
  const deaf = await open(port);
  deaf.pause();
  const many = Buffer.concat(Array.from({ length: 1000 }, () => STATE));
  const isTold = (): boolean => worker.lines.some((line) => line.includes("(limit 65536)"));
  // The kernel takes some megabytes before anything waits in the worker.
  while (!isTold()) {
    if (deaf.writableLength < 2 ** 22) deaf.write(many);
    await Bun.sleep(1);
  }
  const other = await open(port);
  other.write(STATE);
  const answer = await new Promise<Uint8Array>((resolve) => other.once("data", resolve));
  expect(answer.length).toBeGreaterThan(PRE_HEADER_BYTES);
}, 60_000);

test("fifty peers that announce 256 MiB each make a worker take a small part of it", async () => {
  await using worker = new RoleProcess(WORKER);
  const { port } = await worker.status("ready");
  const before = worker.peakMiB;
  const inference = preHeader(10n, 256n * 2n ** 20n, 3n);
  for (let count = 0; count < 50; count++) {
    const liar = await open(port);
    liar.write(Buffer.concat([inference, new Uint8Array(2)]));
  }
  const asker = await open(port);
  asker.write(STATE);
  await new Promise<Uint8Array>((resolve) => asker.once("data", resolve));
  // A message is held in steps of one MiB as its bytes come: fifty of them, and what the runtime adds, not 12,800.
  expect(worker.peakMiB - before).toBeLessThan(400);
}, 30_000);
