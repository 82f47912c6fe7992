/** Command lines of the roles. */
import { expect, test } from "bun:test";
import { castOf, clientCommand, controllerCommand, workerCommand } from "#runner/role-commands.ts";
import { ns } from "#stdx/nanos.ts";
import { plannedRun } from "../support/planned-runs.ts";

const run = plannedRun(0);

test("a worker listens on a port of its own choice", () => {
  expect(workerCommand(run, "127.0.0.1").join(" ")).toBe(
    "worker --bind 127.0.0.1 -p 0 -n 1 --profiles /profiles/x.csv --weights-cache-bytes 1073741824 --page-size-bytes 16777216 --lifeline",
  );
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

test("the cast has one worker process per worker", () => {
  const system = { ...run.system, workers: 2 };
  expect(castOf({ ...run, system })).toEqual({
    workers: ["worker0", "worker1"],
    controller: "controller",
    clients: ["client0"],
  });
});
