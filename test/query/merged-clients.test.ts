/** Percentiles of several load generators are those of all their requests together, never the mean of theirs. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse } from "#query/analyse.ts";
import { openResults } from "#query/results-folder.ts";
import type { ClientRecord } from "#serving/client/events.ts";
import { MILLISECOND, ns } from "#stdx/nanos.ts";
import { CLIENT_LOG, encodeClientRow } from "#telemetry/client-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { FIXTURE_EPOCH_NS, writeResultsFixture } from "../support/results-fixture.ts";

const scratch = mkdtempSync(join(tmpdir(), "merged-clients-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Of the second generator: sent when due, answered after 1 ms. */
const fast = (index: number): ClientRecord => {
  const due = 1000 + index * 5;
  return {
    clientId: 1,
    userRequestId: index,
    modelId: 0,
    user: 0,
    className: "",
    scheduled: ns(due * MILLISECOND),
    sent: ns(due * MILLISECOND),
    received: ns((due + 1) * MILLISECOND),
    outcome: "ok",
    result: 0,
    slo: ns(100 * MILLISECOND),
    responseSent: ns(due * MILLISECOND),
  };
};

test("p99 over two clients' logs", async () => {
  const plan = writeResultsFixture(scratch, {
    spec: { sweep: undefined, checks: undefined, report: undefined },
  });
  const telemetry = join(scratch, "runs", plan.runs[0]?.name ?? "", "telemetry");
  const rows = Array.from({ length: 393 }, (_, index) =>
    encodeClientRow(fast(index), FIXTURE_EPOCH_NS),
  );
  const text = [headerLine(CLIENT_LOG), ...rows].map((row) => `${row}\n`).join("");
  writeFileSync(join(telemetry, "client_log.1.tsv"), text);
  const source = openResults(scratch);
  if (!source.ok) throw new Error(source.error);
  const { runs } = await analyse({ source: source.value, dataFolder: join(scratch, "data") });
  const metrics = runs[0]?.metrics;
  // The first client's successes took 10, 20, 30, 40, 50, 60 and 120 ms, so its p99 is 120 ms; the second one's is 1 ms.
  // Of all 400 the 396th is the third of those seven: 30 ms, and not (120 + 1) / 2 = 60.5 ms.
  expect(metrics?.["latency_p99"]).toMatchObject({ value: 30e6, samples: 400 });
  // Ten requests of the first client were due in the window.
  expect(metrics?.["offered_load"]).toMatchObject({ value: 403 / 2, samples: 403 });
});
