/**
 * A program for tests that stands in for every role: it speaks status lines, writes small logs, and fails on demand.
 * FAKE_FAULTS maps names of roles to faults; FAKE_STAGE_FOLDER is where the fake client says how far it is.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOGS } from "#telemetry/logs.ts";
import { formatStatusLine, type StatusLine } from "#telemetry/status-line.ts";
import { STUBBORN } from "./stubborn.ts";

export type Fake =
  | "dies-at-start"
  | "killed-at-start"
  | "never-ready"
  | "port-in-use"
  | "dies-measuring"
  | "dies-draining"
  | "never-drained"
  | "ignores-term"
  | "stubborn-children"
  | "fills-disk"
  | "claims-more-rows"
  | "torn-row"
  | "unwritable-logs"
  | "fails-while-closing"
  | "garbled-status";

const role = process.argv[2] ?? "";
const name = process.env["ESCAPEMENT_ROLE"] ?? "";
const faults = JSON.parse(process.env["FAKE_FAULTS"] ?? "{}") as Record<string, Fake>;
const fault = faults[name];
const stageFolder = process.env["FAKE_STAGE_FOLDER"] ?? "";
const sendMs = Number(process.env["FAKE_SEND_MS"] ?? "50");
const telemetry = process.env["CLOCKWORK_LOG_DIR"] ?? "";

const say = (line: StatusLine): void => void process.stdout.write(`${formatStatusLine(line)}\n`);
const stage = (stageName: string): void =>
  writeFileSync(join(stageFolder, `${name}-${stageName}`), "");
const hasStage = (stageName: string): boolean =>
  existsSync(join(stageFolder, `client0-${stageName}`));

const ROWS = 3;
const writer = role === "client" ? "load generator" : role;
const logNames = LOGS.filter((log) => log.writer === writer).map((log) => log.file);

const writeLogs = (): void => {
  for (const file of logNames) {
    if (fault === "unwritable-logs") {
      say({ event: "log", log: file, path: null, reason: "Permission denied" });
      continue;
    }
    const path = join(telemetry, file);
    say({ event: "log", log: file, path });
    writeFileSync(path, `a\tb\n${"1\t2\n".repeat(ROWS)}${fault === "torn-row" ? "1\t" : ""}`);
  }
};

const fillDisk = (): never => {
  const path = join(telemetry, logNames[0] ?? "filler.tsv");
  try {
    for (;;) appendFileSync(path, "1\t2\n".repeat(4096));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say({ event: "error", message: `${path} cannot be written: ${reason}` });
    process.exit(1);
  }
};

let isClosing = false;
const close = (): void => {
  if (isClosing) return;
  isClosing = true;
  if (fault === "fails-while-closing") {
    process.stderr.write("cannot flush\n");
    process.exit(9);
  }
  for (const log of logNames) {
    say({ event: "log-closed", log, rows: fault === "claims-more-rows" ? ROWS + 2 : ROWS });
  }
  process.exit(0);
};

const when = (stageName: string, act: () => void): void => {
  const timer = setInterval(() => {
    if (!hasStage(stageName)) return;
    clearInterval(timer);
    act();
  }, 5);
};

const dieOnDemand = (): void => {
  const die = (): void => {
    process.stderr.write(`${name} hit a bug\n`);
    process.kill(process.pid, "SIGKILL");
  };
  if (fault === "dies-measuring") when("measuring", die);
  if (fault === "dies-draining") when("draining", die);
  if (fault === "fills-disk") when("measuring", fillDisk);
};

const failAtStart = (): void => {
  if (fault === "dies-at-start") {
    process.stdout.write("starting\n");
    process.stderr.write("cannot read the profiles\n");
    process.exit(3);
  }
  if (fault === "killed-at-start") process.kill(process.pid, "SIGKILL");
  if (fault === "garbled-status") process.stdout.write("@escapement {broken\n");
  if (fault !== "port-in-use") return;
  const holder = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  try {
    Bun.listen({ hostname: "127.0.0.1", port: holder.port, socket: { data: () => undefined } });
  } catch (error) {
    process.stderr.write(`${(error as { code?: string }).code}: ${String(error)}\n`);
    process.exit(1);
  }
};

const startChildren = async (): Promise<void> => {
  for (const command of Object.values(STUBBORN)) {
    const child = Bun.spawn([...command], { stdout: "pipe" });
    await child.stdout.getReader().read();
  }
};

const send = async (): Promise<void> => {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const at = (ms: number): string => String(startNs + BigInt(ms) * 1_000_000n);
  const instants = {
    send_start_ns: at(0),
    measure_start_ns: at(0),
    measure_end_ns: at(sendMs),
    send_end_ns: at(sendMs),
  };
  say({ event: "started", ...instants });
  stage("measuring");
  await Bun.sleep(sendMs);
  const sent = { at_ns: at(sendMs), scheduled: ROWS, sent: ROWS };
  const ended = { ok: ROWS, good: ROWS, failed: 0, unknown: 0, dropped: 0, outstanding: 0 };
  const rates = { rate_per_s: 60, goodput_per_s: 60, p99_ms: 1.5 };
  say({ event: "progress", ...sent, ...ended, ...rates });
  if (Object.values(faults).some((each) => each === "dies-measuring" || each === "fills-disk"))
    return;
  say({ event: "draining", outstanding: 0 });
  stage("draining");
  const isHeldUp = Object.values(faults).some(
    (each) => each === "dies-draining" || each === "never-drained",
  );
  if (!isHeldUp) say({ event: "drained", unknown: 0 });
};

const runClient = (): void => {
  const planPath = process.argv[process.argv.indexOf("--plan") + 1] ?? "";
  JSON.parse(readFileSync(planPath, "utf8"));
  say({
    event: "ready",
    role: "client",
    port: null,
    models: [{ model: "m", model_id: 0, input_bytes: 1 }],
    expected_requests: ROWS,
  });
};

failAtStart();
dieOnDemand();
writeLogs();
process.stdin.on("data", (chunk: Buffer) => {
  if (role === "client" && chunk.toString().includes('"start"')) void send();
});
if (fault === "ignores-term") {
  process.on("SIGTERM", () => undefined);
  setInterval(() => undefined, 1000);
} else {
  process.on("SIGTERM", close);
  process.stdin.on("end", close);
}
if (fault === "stubborn-children") await startChildren();
if (fault !== "never-ready") {
  if (role === "client") runClient();
  else {
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: () => undefined },
    });
    say({ event: "ready", role: role === "worker" ? "worker" : "controller", port: server.port });
  }
}
