/** How late the load generator sends and reads at rising rates, beside what this machine could do at best. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Database, sqlText } from "#query/database.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { RESULTS_SCHEMA_VERSION } from "#telemetry/results.ts";
import { duckdbColumns } from "#telemetry/schema.ts";
import { parseStatusLine, type StatusLine } from "#telemetry/status-line.ts";
import { ROOT } from "../step.ts";
import { cpuSecondsOf, linesOf } from "./role-process.ts";
import { median } from "./summary.ts";

const USAGE =
  "usage: ./run bench load [repetitions] [--rates 1000,10000,…] [--seconds N] [--arrivals poisson|constant] [--pacing nap|spin]";
const WARM_UP_NS = 1e9;
const COOL_DOWN_NS = 0.2e9;

export interface LoadBenchOptions {
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly arrivals: "poisson" | "constant";
  readonly pacing: "nap" | "spin";
}

/** One pacer at one rate; lateness in ns, shares of one core. What does not apply is null. */
export interface LoadRow {
  readonly pacer: string;
  readonly ratePerS: number;
  readonly achievedPerS: number;
  /** Sent in the window against due in it. */
  readonly deviation: number;
  readonly send: Quantiles;
  readonly receive: Quantiles | null;
  readonly cpuShare: number;
  readonly serverCpuShare: number | null;
  readonly dropped: number | null;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Reads the command line; an error's text for people otherwise. */
export const readLoadOptions = (args: readonly string[]): LoadBenchOptions | string => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rates: { type: "string", default: "1000,10000,20000,50000,100000" },
        seconds: { type: "string", default: "5" },
        arrivals: { type: "string", default: "poisson" },
        pacing: { type: "string", default: "nap" },
      },
    });
    const { arrivals, pacing } = values;
    const rates = values.rates.split(",").map(Number);
    const seconds = Number(values.seconds);
    const isBad = [...rates, seconds].some((value) => !(value > 0) || !Number.isFinite(value));
    if (isBad || (arrivals !== "poisson" && arrivals !== "constant")) return USAGE;
    if (pacing !== "nap" && pacing !== "spin") return USAGE;
    return { rates, seconds, arrivals, pacing };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${USAGE}`;
  }
};

const REFERENCES = [
  { mode: "timer", pacer: "setTimeout loop" },
  { mode: "spin", pacer: "busy spin" },
  { mode: "send", pacer: "busy spin, sending" },
] as const;

const runReference = async (
  { mode, pacer }: (typeof REFERENCES)[number],
  ratePerS: number,
  { seconds, arrivals }: LoadBenchOptions,
): Promise<LoadRow> => {
  const script = join(ROOT, "scripts/bench/reference-pacer.ts");
  const server = mode === "send" ? await startNullServer() : null;
  const figures = [arrivals, ratePerS, seconds, server?.port ?? ""].map(String);
  const child = Bun.spawn([process.execPath, script, mode, ...figures], {
    cwd: ROOT,
    stdout: "pipe",
  });
  const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
  server?.child.kill();
  await server?.child.exited;
  if (code !== 0) throw new Error(`the reference pacer ended with ${code}`);
  const { p50, p99, p999, max, perS, cpuShare } = JSON.parse(text) as Quantiles & {
    readonly perS: number;
    readonly cpuShare: number;
  };
  return {
    pacer,
    ratePerS,
    achievedPerS: perS,
    deviation: 0,
    send: { p50, p99, p999, max },
    receive: null,
    cpuShare,
    serverCpuShare: null,
    dropped: null,
  };
};

const startNullServer = async () => {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts/bench/null-server.ts")], {
    cwd: ROOT,
    stdin: "pipe",
    stdout: "pipe",
  });
  for await (const line of linesOf(child.stdout)) return { child, port: Number(line) };
  throw new Error("the null server did not start");
};

const writePlan = (dir: string, ratePerS: number, options: LoadBenchOptions): string => {
  const run = {
    name: "load",
    seed: 1,
    system: { sloNs: 100e6, models: [{ model: "resnet50_v2", instances: 10 }] },
    workload: {
      arrivals: options.arrivals,
      ratePerS,
      warmUpNs: WARM_UP_NS,
      durationNs: options.seconds * 1e9,
      coolDownNs: COOL_DOWN_NS,
      inputs: false,
    },
    launchLimitNs: 10e9,
    drainLimitNs: 5e9,
  };
  const path = join(dir, "plan.json");
  const plan = { schema_version: RESULTS_SCHEMA_VERSION, plan: toStoredKeys({ runs: [run] }) };
  writeFileSync(path, JSON.stringify(plan));
  return path;
};

interface SendingFigures {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly cpuShare: number;
  readonly serverCpuShare: number;
}

/** Runs the client to its end; processor time is that between the start of sending and the last answer. */
const runClient = async (
  dir: string,
  plan: string,
  server: { readonly port: number; readonly pid: number; readonly pacing: string },
): Promise<SendingFigures> => {
  const main = join(ROOT, "src/cli/main.ts");
  const role = ["clockwork", "client", `127.0.0.1:${server.port}`];
  const flags = ["--plan", plan, "--run", "load", "--log-dir", dir, "--pacing", server.pacing];
  const client = Bun.spawn([process.execPath, main, ...role, ...flags], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "inherit",
  });
  const read = () => ({ client: cpuSecondsOf(client.pid), server: cpuSecondsOf(server.pid) });
  let [before, after] = [{ client: 0, server: 0 }, read()];
  let window: Extract<StatusLine, { readonly event: "started" }> | null = null;
  let [startedS, endedS] = [0, 1];
  for await (const line of linesOf(client.stdout)) {
    const status = parseStatusLine(line);
    if (status?.event === "started") {
      [window, before, startedS] = [status, read(), performance.now() / 1000];
    } else if (status?.event === "draining") {
      [after, endedS] = [read(), performance.now() / 1000];
    }
  }
  const code = await client.exited;
  if (code !== 0 || window === null) throw new Error(`the client ended with ${code}`);
  return {
    startNs: BigInt(window.measure_start_ns),
    endNs: BigInt(window.measure_end_ns),
    cpuShare: (after.client - before.client) / (endedS - startedS),
    serverCpuShare: (after.server - before.server) / (endedS - startedS),
  };
};

const quantilesSql = (column: string): string =>
  `quantile_disc(${column}, [0.5, 0.99, 0.999, 1.0]) filter (scheduled_ns >= $start and scheduled_ns < $end)`;

const toQuantiles = (values: unknown): Quantiles => {
  const [p50 = 0, p99 = 0, p999 = 0, max = 0] = (values as readonly bigint[]).map(Number);
  return { p50, p99, p999, max };
};

/** Everything about requests is computed from the file that the client wrote. */
const readLog = async (dir: string, figures: SendingFigures) => {
  await using db = await Database.open({ spillFolder: join(dir, "spill") });
  const path = sqlText(join(dir, CLIENT_LOG.file));
  const [row = {}] = await db.rows(
    `select count(*) filter (scheduled_ns >= $start and scheduled_ns < $end)::DOUBLE as due,
      count(*) filter (sent_ns >= $start and sent_ns < $end)::DOUBLE as sent,
      count(*) filter (outcome <> 'ok')::DOUBLE as not_ok,
      ${quantilesSql("sent_ns - scheduled_ns")} as send,
      ${quantilesSql("received_ns - response_sent_ns")} as receive
    from read_csv(${path}, delim='\t', header=true, auto_detect=false, quote='', escape='', columns=${duckdbColumns(CLIENT_LOG)})`,
    { start: figures.startNs, end: figures.endNs },
  );
  return {
    due: Number(row["due"]),
    sent: Number(row["sent"]),
    notOk: Number(row["not_ok"]),
    send: toQuantiles(row["send"]),
    receive: toQuantiles(row["receive"]),
  };
};

const runGenerator = async (ratePerS: number, options: LoadBenchOptions): Promise<LoadRow> => {
  const dir = mkdtempSync(join(tmpdir(), "escapement-bench-load-"));
  const { child, port } = await startNullServer();
  try {
    const plan = writePlan(dir, ratePerS, options);
    const figures = await runClient(dir, plan, {
      port,
      pid: child.pid,
      pacing: options.pacing,
    });
    const log = await readLog(dir, figures);
    return {
      pacer: "generator",
      ratePerS,
      achievedPerS: log.sent / options.seconds,
      deviation: log.sent / log.due - 1,
      send: log.send,
      receive: log.receive,
      cpuShare: figures.cpuShare,
      serverCpuShare: figures.serverCpuShare,
      dropped: log.notOk,
    };
  } finally {
    child.kill();
    await child.exited;
    rmSync(dir, { recursive: true });
  }
};

const middle = (rows: readonly LoadRow[], pick: (row: LoadRow) => number | null): number | null => {
  const values = rows.map(pick).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
};

const us = (value: number | null): string =>
  value === null ? "" : (value / 1000).toFixed(value < 1e6 ? 1 : 0);
const percent = (value: number | null, digits: number): string =>
  value === null ? "" : `${(value * 100).toFixed(digits)} %`;

const HEAD = [
  "rate /s",
  "pacer",
  "sent /s",
  "off by",
  "send p50",
  "p99",
  "p99.9",
  "max",
  "receive p50",
  "p99",
  "max",
  "CPU",
  "server",
  "not ok",
];

/** One table row per pacer and rate: the median of its repetitions, each figure by itself. */
export const formatLoad = (groups: readonly (readonly LoadRow[])[]): string => {
  const rows = groups.map((group) => [
    String(group[0]?.ratePerS),
    group[0]?.pacer ?? "",
    middle(group, (row) => row.achievedPerS)?.toFixed(0) ?? "",
    percent(
      middle(group, (row) => row.deviation),
      3,
    ),
    ...(["p50", "p99", "p999", "max"] as const).map((q) => us(middle(group, (r) => r.send[q]))),
    ...(["p50", "p99", "max"] as const).map((q) =>
      us(middle(group, (r) => r.receive?.[q] ?? null)),
    ),
    percent(
      middle(group, (row) => row.cpuShare),
      0,
    ),
    percent(
      middle(group, (row) => row.serverCpuShare),
      0,
    ),
    String(middle(group, (row) => row.dropped) ?? ""),
  ]);
  return [HEAD, HEAD.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
};

/** At each rate, one after the other: a timer loop, a busy spin, and the generator; lateness in the table is in µs. */
export const benchLoad = async (
  repetitions: number,
  options: LoadBenchOptions,
): Promise<string> => {
  const groups: LoadRow[][] = [];
  for (const ratePerS of options.rates) {
    const at = new Map<string, LoadRow[]>();
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const rows = [
        ...(await runReferences(ratePerS, options)),
        await runGenerator(ratePerS, options),
      ];
      for (const row of rows) at.set(row.pacer, [...(at.get(row.pacer) ?? []), row]);
    }
    groups.push(...at.values());
    console.log(formatLoad([...at.values()]));
  }
  return `Lateness in µs; CPU in shares of one core; medians of ${repetitions}; ${options.seconds} s each, ${options.arrivals} arrivals, --pacing ${options.pacing}.\n\n${formatLoad(groups)}`;
};

const runReferences = async (
  ratePerS: number,
  options: LoadBenchOptions,
): Promise<readonly LoadRow[]> => {
  const rows: LoadRow[] = [];
  for (const reference of REFERENCES) rows.push(await runReference(reference, ratePerS, options));
  return rows;
};
