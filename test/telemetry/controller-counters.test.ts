/** The page of numbers: what is counted where, in the text format that collectors read. */
import { expect, test } from "bun:test";
import { ns } from "#stdx/nanos.ts";
import { ControllerCounters } from "#telemetry/controller-counters.ts";
import { actionRecord, requestRecord } from "./records.ts";

const NOBODY = { clients: 0, workers: 0 };

test("before anything has happened every name has its help, and the histogram is empty", () => {
  const lines = new ControllerCounters().text(NOBODY).split("\n");
  expect(lines.filter((line) => line.startsWith("# TYPE"))).toHaveLength(7);
  expect(lines).toContain('escapement_request_latency_seconds_bucket{le="+Inf"} 0');
  expect(lines.at(-1)).toBe("");
});

test("latency buckets are cumulative and hold their upper ends; failures are in none", () => {
  const counters = new ControllerCounters();
  // 10 ms (the end of a bucket), 10 ms and 1 ns, 3 s (beyond all ends); a time-out of 95 ms.
  for (const departure of [10_000_000, 10_000_001, 3_000_000_000]) {
    counters.onRequest(requestRecord({ departure: ns(departure), slo: ns(100_000_000) }));
  }
  counters.onRequest(requestRecord({ result: 4, departure: ns(95_000_000) }));
  const lines = counters.text(NOBODY).split("\n");
  const bucket = (end: string): string | undefined =>
    lines.find((line) => line.startsWith(`escapement_request_latency_seconds_bucket{le="${end}"}`));
  expect(
    ["0.005", "0.01", "0.025", "2.5", "+Inf"].map((end) => bucket(end)?.split(" ")[1]),
  ).toEqual(["0", "1", "2", "2", "3"]);
  // 0.01 + 0.010000001 + 3
  expect(lines).toContain("escapement_request_latency_seconds_sum 3.020000001");
  expect(lines).toContain("escapement_requests_in_time_total 2");
  expect(lines).toContain('escapement_requests_total{result="4"} 1');
});

test("actions are counted by place, kind and status; device time of failures that have one, too", () => {
  const counters = new ControllerCounters();
  const infer = { action: "infer", worker: 1, gpuId: 3 } as const;
  counters.onAction(actionRecord({ ...infer, workerDuration: ns(2_730_000) }));
  counters.onAction(actionRecord({ ...infer, workerDuration: ns(2_730_000) }));
  counters.onAction(actionRecord({ ...infer, status: 81 }));
  const lines = counters.text({ clients: 2, workers: 1 }).split("\n");
  const place = 'worker="1",gpu="3",action="infer"';
  expect(lines).toContain(`escapement_actions_total{${place},status="0"} 2`);
  expect(lines).toContain(`escapement_actions_total{${place},status="81"} 1`);
  expect(lines).toContain(`escapement_device_seconds_total{${place}} 0.00546`);
  expect(lines).toContain("escapement_connected_clients 2");
});
