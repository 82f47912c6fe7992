/** Measures how many requests per second one load generator can send, read and log on this machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientProcess } from "#host/client-process.ts";
import { startClock, toAbsolute } from "#host/clock.ts";
import { startNullController } from "#host/null-controller.ts";
import { assert } from "#stdx/assert.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";

/** Takes some 100 ms. */
const REQUESTS = 30_000;
/** No generator keeps up with this rate: what is measured is work, without a pause. */
const RATE_PER_S = 4_000_000;
const MODELS = [{ model: "null", instances: 10 }];
const LIMIT = ns(10 * SECOND);

/** The whole path of a real client, in this process, against a controller that costs almost nothing. */
const makeClient = (
  port: number,
  logDir: string,
  onStatus: (line: StatusLine) => void,
): ClientProcess => {
  const duration = ns((REQUESTS / RATE_PER_S) * SECOND);
  const times = { warmUpNs: ns(0), durationNs: duration, coolDownNs: ns(0), inputs: false };
  const workload = { arrivals: "constant", ratePerS: RATE_PER_S, ...times } as const;
  const arrivals = createArrivalProcess({ workload, seed: 1, models: MODELS });
  assert(arrivals.ok, "constant arrivals need nothing");
  return new ClientProcess({
    host: "127.0.0.1",
    port,
    logDir,
    load: {
      clientId: 0,
      models: MODELS,
      modelsAreGiven: false,
      modelDir: "/",
      arrivals: arrivals.value,
      warmUp: ns(0),
      duration,
      coolDown: ns(0),
      slo: ns(SECOND),
      readyLimit: LIMIT,
      drainLimit: LIMIT,
      outstandingMax: REQUESTS,
      startWhenReady: true,
    },
    hasInputs: false,
    seed: 1,
    pacing: "spin",
    waitForStop: false,
    onStatus,
    onLine: () => {},
  });
};

/** Null where there is no room for temporary files. */
const makeLogDir = (): string | null => {
  try {
    return mkdtempSync(join(tmpdir(), `escapement-limit-${process.pid}-`));
  } catch {
    // Then nothing is measured; the runs themselves need no such folder.
    return null;
  }
};

/** The time of one run from its first request to its last row, in ns; null when it failed. */
const timeRun = async (port: number): Promise<number | null> => {
  const logDir = makeLogDir();
  if (logDir === null) return null;
  const clock = startClock();
  let [startNs, endNs] = [0n, 0n];
  try {
    const client = makeClient(port, logDir, (line) => {
      if (line.event === "started") startNs = BigInt(line.send_start_ns);
      if (line.event === "drained") endNs = toAbsolute(clock, clock.now());
    });
    const ending = await client.run();
    return ending.ok && endNs > startNs ? Number(endNs - startNs) : null;
  } finally {
    rmSync(logDir, { recursive: true });
  }
};

/**
 * Requests per second that a generator can keep up with when it does nothing else; null when it could not be measured.
 * The first run is for the compiler, the better of two more counts.
 */
export const measureGeneratorLimit = async (): Promise<number | null> => {
  const controller = startNullController(startClock());
  try {
    const perRequest: number[] = [];
    for (let run = 0; run < 3; run++) {
      const before = controller.totals().busyNs;
      const took = await timeRun(controller.port);
      if (took === null) return null;
      // The controller shares the core here, but not in a run: its time does not count.
      perRequest.push((took - (controller.totals().busyNs - before)) / REQUESTS);
    }
    return SECOND / Math.min(...perRequest.slice(1));
  } finally {
    controller.close();
  }
};
