/** The worker's own log: a row for every action, successes too, also when it is ended with actions waiting. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { LoopStatistics } from "#host/loop-statistics.ts";
import { WorkerLog } from "#host/worker-log.ts";
import type { ActionResult } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { WORKER_LOG } from "#telemetry/worker-log.ts";
import { evict, infer, loadModel, loadWeights } from "../serving/worker/worker-harness.ts";
import { cellsByName } from "../telemetry/records.ts";
import { FakeController } from "./fake-controller.ts";

const folder = mkdtempSync(join(tmpdir(), "worker-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HEADER = WORKER_LOG.columns.map(({ name }) => name).join("\t");

const rowsOf = (path: string): readonly Record<string, string>[] => {
  const [header = "", ...rows] = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(header).toBe(HEADER);
  return rows.map((row) => cellsByName(header, row));
};

const openLog = (dir: string, workerId = 0) => {
  const statuses: StatusLine[] = [];
  const lines: string[] = [];
  const log = new WorkerLog({
    dir,
    workerId,
    epochNs: 1_700_000_000_000_000_000n,
    loop: new LoopStatistics(() => ns(0)),
    onStatus: (line) => statuses.push(line),
    onLine: (line) => lines.push(line),
  });
  return { log, statuses, lines };
};

/** Reads until the worker says where it listens. */
const portOf = async (output: ReadableStream<Uint8Array>): Promise<number> => {
  let text = "";
  const decoder = new TextDecoder();
  const reader = output.getReader();
  for (;;) {
    const port = /"port":(\d+)/.exec(text)?.[1];
    if (port !== undefined) {
      reader.releaseLock();
      return Number(port);
    }
    const { done, value } = await reader.read();
    if (done) throw new Error(`ended early: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
};

const inferred = (actionId: number, begin: number): ActionResult => {
  const none = { begin: ns(begin), end: ns(begin), duration: ns(0) };
  return {
    kind: "infer",
    actionId,
    actionReceived: null,
    resultSent: null,
    gpuId: 1,
    output: { sizeBytes: 0 },
    copyInput: none,
    exec: { begin: ns(begin), end: ns(begin + 150), duration: ns(150) },
    copyOutput: none,
    gpuClockBeforeMhz: 1380,
    gpuClockMhz: 1380,
  };
};

test("every column of a success and of a failure, relative to the receipt", () => {
  const { log, statuses } = openLog(folder, 3);
  log.onAction(
    7,
    infer(5, { gpuId: 1, batchSize: 2, earliest: ns(900), latest: ns(9_000) }),
    ns(1_000),
  );
  log.onAction(7, evict(5, { gpuId: 1 }), ns(1_100));
  log.onResult(7, inferred(5, 1_200), ns(1_400));
  const error = { kind: "error", action: "evict_weights", status: 63, message: "" } as const;
  const failed = { ...error, actionId: 5, actionReceived: null, resultSent: null };
  log.onResult(7, failed, ns(1_500));
  log.close();
  const [success, failure] = rowsOf(join(folder, "worker_log.3.tsv"));
  expect(success).toEqual({
    connection_id: "7",
    action_id: "5",
    action_type: "2",
    status: "0",
    gpu_id: "1",
    model_id: "0",
    batch_size: "2",
    received_ns: "1700000000000001000",
    earliest: "-100",
    latest: "8000",
    begin: "200",
    end: "350",
    duration: "150",
    result_sent: "400",
  });
  // What the device did not do has no instants, rather than zeros or whatever was in memory.
  expect(failure).toMatchObject({
    action_type: "3",
    status: "63",
    begin: "",
    end: "",
    duration: "",
    result_sent: "400",
  });
  expect(statuses.at(-1)).toMatchObject({ event: "log-closed", log: "worker_log.3.tsv", rows: 2 });
});

test("controllers that use the same ids, and one that uses an id twice, get a row each", () => {
  const { log } = openLog(folder, 4);
  log.onAction(0, infer(5), ns(10));
  log.onAction(1, infer(5), ns(20));
  log.onAction(1, infer(5), ns(30));
  log.onResult(1, inferred(5, 40), ns(200));
  log.onResult(0, inferred(5, 40), ns(210));
  log.onResult(1, inferred(5, 40), ns(220));
  log.close();
  const rows = rowsOf(join(folder, "worker_log.4.tsv"));
  expect(rows.map((row) => [row["connection_id"], row["received_ns"]?.slice(-2)])).toEqual([
    ["1", "20"],
    ["0", "10"],
    ["1", "30"],
  ]);
});

test("a folder that is not there is told, and the worker goes on without", () => {
  const absent = join(folder, "absent");
  const { log, statuses, lines } = openLog(absent);
  log.onAction(0, infer(5), ns(10));
  log.onResult(0, inferred(5, 40), ns(200));
  log.close();
  expect(lines).toEqual([`Warning: No actions are logged: directory ${absent} does not exist`]);
  expect(statuses).toMatchObject([{ event: "log", path: null }]);
});

test("the original's configuration keys turn it on, and SIGTERM loses no row", async () => {
  const config = join(folder, "logging.cfg");
  writeFileSync(
    config,
    `WorkerConfig = { telemetry_settings = { enable_action_telemetry = true; }; log_dir = { telemetry_log_dir = "${folder}"; }; };`,
  );
  const main = resolve(import.meta.dir, "../../src/cli/main.ts");
  const flags = ["-p", "0", "-c", config, "--profiles", "recording"];
  await using worker = Bun.spawn([process.execPath, main, "clockwork", "worker", ...flags], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const port = await portOf(worker.stdout);
  const controller = await FakeController.connect(port);
  await controller.ask(loadModel(1, { path: "/zoo/resnet50_v2/model" }), "load_model");
  await controller.ask(loadWeights(2), "load_weights");
  await controller.ask(infer(3), "infer");
  await controller.ask(infer(4, { modelId: 99 }), "error");
  worker.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  const rows = rowsOf(join(folder, "worker_log.tsv"));
  expect(rows.map((row) => [row["action_id"], row["action_type"], row["status"]])).toEqual([
    ["1", "0", "0"],
    ["2", "1", "0"],
    ["3", "2", "0"],
    ["4", "2", "72"],
  ]);
  // The recorded profile: 8.31 ms to load, 2.73 ms to execute.
  expect(rows.map((row) => row["duration"]).slice(1)).toEqual(["8310000", "2730000", ""]);
});
