/** Whether the logs are whole, and tell the same story. */
import { type ExaminedRun, exceeding, type Finding, finding, isDoneRun } from "#judge/finding.ts";
import { counted } from "#judge/numbers.ts";

const mismatches = ({ analysis }: ExaminedRun): readonly Finding[] =>
  analysis.files.flatMap((file) =>
    file.mismatches.map((mismatch) =>
      finding("file", "invalid", {
        evidence: `\`${file.path}\`: ${mismatch}`,
        remedy: "compare it with its source; what could be read is in the report",
      }),
    ),
  );

const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const ANALYSED =
  /^(?:clockwork_request|clockwork_action|batch|client|host|process|loop)_log(?:\.\d+)?\.tsv$/;

const missing = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const there = new Set(run.files.map(({ path }) => fileName(path)));
  const gone = (run.stored?.files ?? [])
    .map(({ path }) => fileName(path))
    .filter((name) => ANALYSED.test(name) && !there.has(name));
  return gone.map((name) =>
    finding("file", "invalid", {
      evidence: `\`${name}\` was collected and is no longer there`,
      remedy: "bring it back, or run it again",
    }),
  );
};

const tears = (run: ExaminedRun): readonly Finding[] => {
  const torn = run.analysis.files.filter((file) => file.tornBytes > 0);
  if (torn.length === 0) return [];
  const names = torn.map((file) => `\`${fileName(file.path)}\``);
  // Logs that are not ours end this way whenever their writer is killed, and their window ends with them.
  return [
    finding("file", isDoneRun(run) ? "invalid" : "suspect", {
      evidence: `the last row of ${names.join(" and ")} is torn and left out, and rows may be lost after it`,
      remedy: "end the writer with SIGTERM and wait for it, if it can flush",
    }),
  ];
};

/** In the original's dialect ids repeat across clients. */
const isOriginal = ({ analysis }: ExaminedRun): boolean => analysis.dialect?.dialect === "original";

interface Disagreement {
  readonly count: number;
  readonly text: string;
}

const isForeign = ({ analysis: { evidence } }: ExaminedRun): boolean =>
  (evidence.reconciliation?.connections ?? 0) > (evidence.reconciliation?.clients ?? 0);

const disagreements = (examined: ExaminedRun): readonly Disagreement[] => {
  const { whole, evidence } = examined.analysis;
  const rows = evidence.reconciliation;
  if (whole === null || rows === null) return [];
  const { sent, unknown, controllerRequests: arrived } = whole;
  const fewer = arrived === null ? 0 : sent - unknown - arrived;
  const more = arrived === null || isForeign(examined) ? 0 : arrived - sent;
  const onlyBatched = isForeign(examined) ? 0 : (rows.onlyBatched ?? 0);
  return [
    {
      count: Math.max(fewer, more),
      text: `the client sent ${sent} requests, the controller's log has ${arrived}`,
    },
    {
      count: rows.clientGaps ?? 0,
      text: `${counted(rows.clientGaps ?? 0, "number")} of the clients' requests have no row`,
    },
    {
      count: isOriginal(examined) ? 0 : (rows.requestGaps ?? 0) - unknown,
      text: `${counted(rows.requestGaps ?? 0, "number")} of the controller's requests have no row`,
    },
    {
      count: onlyBatched,
      text: `${counted(onlyBatched, "request")} in the batch log ${onlyBatched === 1 ? "is" : "are"} in no client's log`,
    },
    {
      count: rows.onlyOk ?? 0,
      text: `${counted(rows.onlyOk ?? 0, "successful request")} ${rows.onlyOk === 1 ? "is" : "are"} in no batch`,
    },
  ].filter(({ count }) => count > 0);
};

const rowsLost = (run: ExaminedRun): readonly Finding[] => {
  const found = isDoneRun(run) && run.analysis.view === "client" ? disagreements(run) : [];
  const worst = Math.max(0, ...found.map(({ count }) => count));
  const observed = worst / Math.max(1, run.analysis.whole?.sent ?? 0);
  return exceeding({ kind: "rows-lost", observed }, () => ({
    evidence: found.map(({ text }) => text).join("; "),
    remedy: "look for a full disk, a writer that was killed, or another client of the controller",
  }));
};

const foreignTraffic = (run: ExaminedRun): readonly Finding[] => {
  const { whole, evidence } = run.analysis;
  if (whole === null || !isDoneRun(run) || !isForeign(run)) return [];
  const { connections, clients, onlyBatched } = evidence.reconciliation ?? {};
  const extra = Math.max(1, (whole.controllerRequests ?? 0) - whole.sent, onlyBatched ?? 0);
  const observed = extra / Math.max(1, whole.sent);
  return exceeding({ kind: "foreign-traffic", observed }, () => ({
    evidence: `the controller had requests of ${connections} connections and ${clients} of ours: at least ${counted(extra, "request")} that no generator sent`,
    remedy: "keep other clients away from the controller's port",
  }));
};

const doubles = (run: ExaminedRun): readonly Finding[] => {
  const rows = run.analysis.evidence.reconciliation;
  if (rows === null || !isDoneRun(run)) return [];
  const found = [
    { log: "the clients' logs", count: rows.clientDoubles ?? 0 },
    { log: "the request log", count: isOriginal(run) ? 0 : (rows.requestDoubles ?? 0) },
    { log: "the action log", count: rows.actionDoubles ?? 0 },
    { log: "the batch log", count: rows.batchDoubles ?? 0 },
  ].filter(({ count }) => count > 0);
  const worst = Math.max(0, ...found.map(({ count }) => count));
  const observed = worst / Math.max(1, run.analysis.whole?.sent ?? 0);
  return exceeding({ kind: "duplicates", observed }, () => ({
    evidence: found
      .map(
        ({ log, count }) =>
          `${counted(count, "row")} of ${log} occur${count === 1 ? "s" : ""} twice`,
      )
      .join("; "),
    remedy: "look for two writers of one log, or rows that were added to it",
  }));
};

const dialect = ({ analysis: run }: ExaminedRun): readonly Finding[] =>
  run.dialect === null || run.dialect.isDecided
    ? []
    : [
        finding("dialect", "suspect", {
          evidence: `the logs' dialect is not decided: ${run.dialect.reason}`,
          remedy: "say it with `--dialect documented` or `--dialect original`",
        }),
      ];

export const logFindings = (run: ExaminedRun): readonly Finding[] => [
  ...mismatches(run),
  ...missing(run),
  ...tears(run),
  ...rowsLost(run),
  ...foreignTraffic(run),
  ...doubles(run),
  ...dialect(run),
];
