/** Command lines of the roles. */
import { expect, test } from "bun:test";
import { NOISE_DEFAULTS } from "#experiment/noise-schema.ts";
import type { Noise } from "#experiment/resolved.ts";
import {
  castOf,
  clientCommand,
  controllerCommand,
  logFilesOf,
  workerCommand,
} from "#runner/role-commands.ts";
import { NO_NOISE, parseNoise } from "#serving/worker/noise-options.ts";
import { ns } from "#stdx/nanos.ts";
import { plannedRun } from "../support/planned-runs.ts";

const run = plannedRun(0);

test("a worker listens on a port of its own choice", () => {
  expect(workerCommand(run, { address: "127.0.0.1", index: 0 }).join(" ")).toBe(
    "worker --bind 127.0.0.1 -p 0 -n 1 --profiles /profiles/x.csv --weights-cache-bytes 1073741824 --page-size-bytes 16777216 --no-config --lifeline",
  );
});

test("workers and clients are told of folders of models, by one path", () => {
  const system = { ...run.system, profiles: "/zoo", profilesAreFolders: true } as const;
  const worker = workerCommand({ ...run, system }, { address: "127.0.0.1", index: 0 }).join(" ");
  expect(worker).toContain(" --model-dir /zoo ");
  expect(worker).not.toContain("--profiles");
  const folders = { run: "/r", telemetry: "/r/telemetry", logs: "/r/logs", plan: "/plan.json" };
  const place = { controller: "127.0.0.1:9", folders, index: 0 };
  expect(clientCommand({ ...run, system }, place).join(" ")).toContain(" --model-dir /zoo ");
});

test("a worker gets the run's noise and seed, and a number of its own", () => {
  const noise: Noise = {
    jitterCv: 0.05,
    throttleRatePerS: 1 / 60,
    throttleLengthNs: ns(1_500_000_000),
    throttleFactor: 1.25,
    slowTransferShare: 1e-7,
    slowTransferFactor: 3,
    stallRatePerS: 0,
    stallLengthNs: ns(1),
  };
  const noisy = { ...run, seed: 42, system: { ...run.system, noise } };
  const command = workerCommand(noisy, { address: "127.0.0.1", index: 3 });
  const valueOf = (name: string): string => command[command.indexOf(name) + 1] ?? "";
  expect([valueOf("--seed"), valueOf("--worker-id")]).toEqual(["42", "3"]);
  // The worker reads exactly what the experiment says.
  expect(parseNoise(valueOf("--noise"))).toEqual({ ok: true, value: noise });
});

test("a noise that an experiment leaves unsaid is what a worker leaves unsaid", () => {
  expect(NOISE_DEFAULTS).toEqual(NO_NOISE);
});

test("a controller gets its workers, and durations with their units", () => {
  const system = { ...run.system, generateInputs: true, scheduleAheadNs: ns(1_500_000) };
  const place = { address: "127.0.0.1", workers: ["127.0.0.1:1", "127.0.0.1:2"] };
  expect(controllerCommand({ ...run, system }, place).join(" ")).toBe(
    "controller INFER5 127.0.0.1:1,127.0.0.1:2 --bind 127.0.0.1 --client-port 0 --max-gpus 100 --schedule-ahead 1500us --default-slo 100ms --max-exec 250ms --max-batch 8 --generate-inputs --telemetry-dialect documented --lifeline",
  );
  expect(controllerCommand(run, place)).not.toContain("--generate-inputs");
});

test("a client reads its run from the stored plan", () => {
  const folders = { run: "/r", telemetry: "/r/telemetry", logs: "/r/logs", plan: "/plan.json" };
  expect(clientCommand(run, { controller: "127.0.0.1:9", folders, index: 0 }).join(" ")).toBe(
    "client 127.0.0.1:9 --plan /plan.json --run 00-rep=1 --log-dir /r/telemetry --control",
  );
});

test("a run leaves a log of each load generator, and none of its workers", () => {
  const workload = { ...run.workload, generators: 2 };
  const files = logFilesOf({ ...run, workload });
  expect(files.filter((file) => file.startsWith("client_log"))).toEqual([
    "client_log.tsv",
    "client_log.1.tsv",
  ]);
  expect(files).toContain("clockwork_request_log.tsv");
  expect(files.join(" ")).not.toContain("worker_log");
});

test("the cast has one worker process per worker", () => {
  const system = { ...run.system, workers: 2 };
  expect(castOf({ ...run, system })).toEqual({
    workers: ["worker0", "worker1"],
    controller: "controller",
    clients: ["client0"],
  });
});
