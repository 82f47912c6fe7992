/** What our controller, worker and client achieve on this machine under the loads that the original was measured with. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Database, sqlText } from "#query/database.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";
import { duckdbColumns } from "#telemetry/schema.ts";
import {
  CAPACITY_LOADS,
  type CapacityFigures,
  type CapacityGroup,
  type CapacityLoad,
  type CapacityRow,
  formatCapacity,
} from "./capacity-table.ts";
import { RoleProcess } from "./role-process.ts";

const USAGE =
  "usage: ./run bench controller [repetitions] [--types INFER4,INFER5] [--gpus 1,2,4,12] [--loads closed,open,overload,echo,idle] [--seconds 8]";

/** From the start of the client to that of the window. */
const LEAD_MS = 5000;
/** The client goes on sending after the window, so that its end is no part of it. */
const TAIL_MS = 2000;
const SLO_NS = 100e6;

/** Poisson arrivals per second for each number of GPUs. */
const OPEN_LOOP_RATES: ReadonlyMap<number, number> = new Map([
  [1, 350],
  [2, 1000],
  [4, 2500],
  [12, 4500],
]);
const SCHEDULERS = ["INFER4", "INFER5"];

export interface CapacityBenchOptions {
  readonly rows: readonly CapacityRow[];
  readonly seconds: number;
}

/** Rows in the order of the original's table; the two without scheduling come once. */
const rowsOf = (
  schedulers: readonly string[],
  gpus: readonly number[],
  loads: readonly CapacityLoad[],
): readonly CapacityRow[] => {
  const scheduled = loads.filter((load) => load !== "echo" && load !== "idle");
  const rows = schedulers.flatMap((scheduler) =>
    scheduled.flatMap((load) => gpus.map((count) => ({ scheduler, gpus: count, load }))),
  );
  const echo = { scheduler: "ECHO", gpus: 1, load: "echo" } as const;
  const idle = { scheduler: schedulers[0] ?? "", gpus: 1, load: "idle" } as const;
  return [
    ...rows,
    ...(loads.includes("echo") ? [echo] : []),
    ...(loads.includes("idle") ? [idle] : []),
  ];
};

/** Reads the command line; an error's text for people otherwise. */
export const readCapacityOptions = (args: readonly string[]): CapacityBenchOptions | string => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        types: { type: "string", default: SCHEDULERS.join(",") },
        gpus: { type: "string", default: [...OPEN_LOOP_RATES.keys()].join(",") },
        loads: { type: "string", default: CAPACITY_LOADS.join(",") },
        seconds: { type: "string", default: "8" },
      },
    });
    const types = values.types.split(",");
    const gpus = values.gpus.split(",").map(Number);
    const loads = values.loads.split(",");
    const seconds = Number(values.seconds);
    const known = CAPACITY_LOADS.filter((load) => loads.includes(load));
    const isRight =
      types.every((type) => SCHEDULERS.includes(type)) &&
      gpus.every((count) => OPEN_LOOP_RATES.has(count)) &&
      known.length === loads.length &&
      seconds > 0 &&
      seconds <= 600;
    return isRight ? { rows: rowsOf(types, gpus, known), seconds } : USAGE;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${USAGE}`;
  }
};

interface Offered {
  readonly instances: number;
  readonly arrivals:
    | { readonly arrivals: "closed-loop"; readonly concurrency: number; readonly thinkTimeNs: 0 }
    | { readonly arrivals: "poisson"; readonly ratePerS: number };
}

const offeredOf = ({ load, gpus }: CapacityRow): Offered => {
  if (load === "open") {
    const ratePerS = OPEN_LOOP_RATES.get(gpus) ?? Number.NaN;
    return { instances: 15, arrivals: { arrivals: "poisson", ratePerS } };
  }
  const [instances, concurrency] = load === "overload" || load === "echo" ? [100, 100] : [15, 16];
  return { instances, arrivals: { arrivals: "closed-loop", concurrency, thinkTimeNs: 0 } };
};

const RUN = "capacity";

const writePlan = (dir: string, row: CapacityRow, { seed, seconds }: Repetition): string => {
  const { instances, arrivals } = offeredOf(row);
  const workload = {
    ...arrivals,
    warmUpNs: 0,
    durationNs: LEAD_MS * 1e6 + seconds * 1e9,
    coolDownNs: TAIL_MS * 1e6,
    inputs: false,
  };
  const run = {
    name: RUN,
    seed,
    system: { sloNs: SLO_NS, models: [{ model: "resnet50_v2", instances }] },
    workload,
    launchLimitNs: 60e9,
    drainLimitNs: 1e9,
  };
  const path = join(dir, "plan.json");
  const plan = { schema_version: RESULTS_SCHEMA_VERSION, plan: toStoredKeys({ runs: [run] }) };
  writeFileSync(path, JSON.stringify(plan));
  return path;
};

interface Repetition {
  readonly seed: number;
  readonly seconds: number;
}

interface Usage {
  /** Ns since the Unix epoch. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly figures: Pick<
    CapacityFigures,
    "controller_cores" | "worker_cores" | "client_cores" | "controller_mb"
  >;
}

const sleepUntil = (atMs: number): Promise<void> => Bun.sleep(Math.max(0, atMs - Date.now()));
const toNs = (ms: number): bigint => BigInt(ms) * 1_000_000n;

/** Watches three processes for the window, which begins a fixed time after the client. */
const watch = async (
  roles: Readonly<Record<"controller" | "worker" | "client", RoleProcess>>,
  startMs: number,
  seconds: number,
): Promise<Usage> => {
  const { controller, worker, client } = roles;
  const read = () => ({
    atS: performance.now() / 1000,
    controller: controller.cpuSeconds,
    worker: worker.cpuSeconds,
    client: client.cpuSeconds,
  });
  await sleepUntil(startMs);
  const before = read();
  await sleepUntil(startMs + seconds * 1000);
  for (const role of Object.values(roles)) role.assertAlive();
  const after = read();
  const cores = (role: keyof typeof roles): number =>
    (after[role] - before[role]) / (after.atS - before.atS);
  return {
    startNs: toNs(startMs),
    endNs: toNs(startMs + seconds * 1000),
    figures: {
      controller_cores: cores("controller"),
      worker_cores: cores("worker"),
      client_cores: cores("client"),
      controller_mb: controller.peakMiB,
    },
  };
};

const runRoles = async (dir: string, row: CapacityRow, repetition: Repetition): Promise<Usage> => {
  const plan = writePlan(dir, row, repetition);
  const gpus = ["-p", "0", "-n", String(row.gpus), "--profiles", "recording", "--no-config"];
  await using worker = new RoleProcess(["worker", ...gpus, "--lifeline"]);
  const workerAt = `127.0.0.1:${(await worker.status("ready")).port}`;
  const scheduling = ["controller", row.scheduler, workerAt, "--client-port", "0"];
  // That of ECHO is 10 s by default, as the original's, and the window would be over.
  const own = ["--load-stage-timeout", "1s", "--telemetry-dialect", "original", "--lifeline"];
  await using controller = new RoleProcess([...scheduling, ...own], { CLOCKWORK_LOG_DIR: dir });
  const controllerAt = `127.0.0.1:${(await controller.status("ready")).port}`;
  const startMs = Date.now() + LEAD_MS;
  const load = ["--plan", plan, "--run", RUN, "--control"];
  await using client = new RoleProcess(["client", controllerAt, ...load]);
  await client.status("ready");
  if (row.load !== "idle") {
    client.tell({ command: "start" });
    const { send_start_ns: sendStart } = await client.status("started");
    if (BigInt(sendStart) > toNs(startMs))
      throw new Error("the client began to send after the window did: is this machine busy?");
  }
  return await watch({ controller, worker, client }, startMs, repetition.seconds);
};

/** What the controller logged in the window; its instants are those of the responses. */
const readLog = async (dir: string, { startNs, endNs }: Usage, seconds: number) => {
  await using db = await Database.open({ spillFolder: join(dir, "spill") });
  const path = sqlText(join(dir, REQUEST_LOG.file));
  const [row = {}] = await db.rows(
    `select count(*)::DOUBLE as responses, (count(*) filter (deadline_met))::DOUBLE as good,
      quantile_disc(latency / 1e6, [0.5, 0.99, 0.999, 1.0]) filter (result = 0) as latency_ms
    from read_csv(${path}, delim='\t', header=true, auto_detect=false, quote='', escape='', columns=${duckdbColumns(REQUEST_LOG)})
    where t >= $start and t < $end`,
    { start: startNs, end: endNs },
  );
  const [responses, good] = [Number(row["responses"]), Number(row["good"])];
  const [p50, p99, p999, max] = (row["latency_ms"] ?? []) as readonly number[];
  return {
    responses_per_s: responses / seconds,
    goodput_per_s: good / seconds,
    in_slo_percent: responses === 0 ? null : (100 * good) / responses,
    p50_ms: p50 ?? null,
    p99_ms: p99 ?? null,
    p999_ms: p999 ?? null,
    max_ms: max ?? null,
  };
};

/** One run of one row: three processes, from nothing to their end. */
export const measureCapacity = async (
  row: CapacityRow,
  repetition: Repetition,
): Promise<CapacityFigures> => {
  const dir = mkdtempSync(join(tmpdir(), "escapement-bench-controller-"));
  const clean = (): void => rmSync(dir, { recursive: true, force: true });
  process.on("exit", clean);
  try {
    const usage = await runRoles(dir, row, repetition);
    return { ...usage.figures, ...(await readLog(dir, usage, repetition.seconds)) };
  } finally {
    process.off("exit", clean);
    clean();
  }
};

/** An interrupted measurement leaves nothing behind: the roles end with their lifelines, the folder with this process. */
const endOnSignals = (): void => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => process.exit(130));
};

/** Row by row, with each row's figures as they come. */
export const benchCapacity = async (
  repetitions: number,
  { rows, seconds }: CapacityBenchOptions,
): Promise<string> => {
  endOnSignals();
  const groups: CapacityGroup[] = [];
  for (const row of rows) {
    const runs: CapacityFigures[] = [];
    for (let seed = 1; seed <= repetitions; seed++)
      runs.push(await measureCapacity(row, { seed, seconds }));
    const group = { row, runs };
    groups.push(group);
    console.log(formatCapacity([group]));
  }
  return `Medians (ranges) of ${repetitions} runs; windows of ${seconds} s, ${LEAD_MS / 1000} s after the client; latency of successes, by the controller.\n\n${formatCapacity(groups)}`;
};
