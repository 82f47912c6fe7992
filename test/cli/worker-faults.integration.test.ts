/** Real processes that are stopped, killed and started again: requests are answered, and what was there is used again. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectClient, type PlainClient } from "../support/plain-client.ts";
import { RoleProcess } from "../support/role-process.ts";

const LIMIT_MS = 60_000;
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const startWorker = async (port = 0) => {
  const worker = new RoleProcess(["worker", "-p", String(port)]);
  cleanups.push(() => worker.end("SIGKILL"));
  return { worker, port: await worker.port() };
};

const startController = async (ports: readonly number[], ...options: readonly string[]) => {
  const logDir = mkdtempSync(join(tmpdir(), "worker-faults-"));
  const workers = ports.map((port) => `127.0.0.1:${port}`).join(",");
  const basics = ["--client-port", "0", "--load-stage-timeout", "50ms"];
  const args = ["controller", "INFER4", workers, ...basics, ...options];
  const controller = new RoleProcess(args, { CLOCKWORK_LOG_DIR: logDir });
  cleanups.push(async () => {
    await controller.end("SIGKILL");
    rmSync(logDir, { recursive: true });
  });
  const client = await connectClient(await controller.port());
  cleanups.push(() => client.close());
  return { controller, client, logDir };
};

const load = (client: PlainClient, copies: number) =>
  client.send({
    kind: "load_model",
    path: "/zoo/resnet50_v2/model",
    copies,
    userId: 0,
    userRequestId: 0,
  });

/** Asks until an inference succeeds. */
const untilServed = async (client: PlainClient): Promise<void> => {
  while ((await client.infer(0)).status !== 0);
};

const rowsOf = (logDir: string, name: string): readonly Readonly<Record<string, string>>[] => {
  const [head = "", ...rows] = readFileSync(join(logDir, name), "utf8").trimEnd().split("\n");
  const names = head.split("\t");
  return rows.map((row) => {
    const cells = row.split("\t");
    return Object.fromEntries(names.map((column, index) => [column, cells[index] ?? ""]));
  });
};

test(
  "a worker that is stopped costs what is on it its deadline, and is used again when it goes on",
  async () => {
    const stopped = await startWorker();
    const other = await startWorker();
    const { controller, client } = await startController([stopped.port, other.port]);
    await load(client, 2);
    await client.list();
    await untilServed(client);
    stopped.worker.signal("SIGSTOP");
    const before = client.responses();
    const answers: ReturnType<PlainClient["infer"]>[] = [];
    // In pairs, so that both workers get some, until one of the stopped worker's is late.
    while (!controller.lines.some((line) => line.includes("Worker 0 GPU 0 is overdue with"))) {
      answers.push(client.infer(0), client.infer(1));
      await Bun.sleep(5);
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    // Served by the other one, timed out, given up by INFER4, or too late on its way.
    expect(statuses.filter((status) => ![0, 4, 7, 8, 45, 81].includes(status))).toEqual([]);
    await untilServed(client);
    stopped.worker.signal("SIGCONT");
    await controller.said("Worker 0 GPU 0 answers again");
    await untilServed(client);
    const asked = client.responses() - before;
    expect(asked).toBeGreaterThanOrEqual(answers.length);
    // The late results gave no second responses: each request that was sent has had one.
    await client.list();
    expect(client.responses() - before).toBe(asked + 1);
  },
  LIMIT_MS,
);

test(
  "a worker that stays silent is disconnected, and used again when it goes on",
  async () => {
    const { worker, port } = await startWorker();
    const { controller, client } = await startController([port], "--silence-timeout", "300ms");
    await load(client, 1);
    await client.list();
    await untilServed(client);
    worker.signal("SIGSTOP");
    expect([3, 4]).toContain((await client.infer(0)).status);
    await controller.said("it owes results and has been silent for 0.3 s");
    worker.signal("SIGCONT");
    await controller.said("Worker 0 is in use: 1 GPUs, 1 models, of which 1 have weights on a GPU");
    await untilServed(client);
  },
  LIMIT_MS,
);

test(
  "a worker that was killed and started again is made to load its models, and used again",
  async () => {
    const { worker, port } = await startWorker();
    const { controller, client } = await startController([port]);
    await load(client, 3);
    await client.list();
    await untilServed(client);
    const answers = [client.infer(0), client.infer(1), client.infer(2)];
    await worker.end("SIGKILL");
    await Promise.all(answers);
    await controller.said("Worker 0 is gone");
    const again = await startWorker(port);
    await again.worker.said("LoadModelFromDisk");
    await controller.said("Worker 0 is in use: 1 GPUs, 3 models, of which 0 have weights on a GPU");
    await untilServed(client);
  },
  LIMIT_MS,
);

test(
  "a controller that was killed and started again serves what its workers hold, without loading",
  async () => {
    const workers = [await startWorker(), await startWorker()];
    const ports = workers.map(({ port }) => port);
    const first = await startController(ports);
    await load(first.client, 2);
    await first.client.list();
    for (const model of [0, 1]) while ((await first.client.infer(model)).status !== 0);
    await first.controller.end("SIGKILL");
    const second = await startController(ports, "--start-warm");
    const models = await second.client.list();
    expect(models.map(({ modelId, path }) => [modelId, path])).toEqual([
      [0, "/zoo/resnet50_v2/model"],
      [1, "/zoo/resnet50_v2/model"],
    ]);
    await untilServed(second.client);
    await second.controller.end("SIGTERM");
    const requests = rowsOf(second.logDir, "clockwork_request_log.tsv");
    const inferences = requests.filter(({ result }) => result === "0");
    expect(new Set(inferences.map((row) => row["is_coldstart"]))).toEqual(new Set(["0"]));
    // Nothing was loaded from disk (0), the first action on a GPU is an inference (2).
    const actions = rowsOf(second.logDir, "clockwork_action_log.tsv");
    expect(actions.filter((row) => row["action_type"] === "0")).toEqual([]);
    expect(actions.find((row) => row["action_type"] !== "5")?.["action_type"]).toBe("2");
  },
  LIMIT_MS,
);
