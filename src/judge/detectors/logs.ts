/** Whether the logs are whole, and tell the same story. */
import { type ExaminedRun, exceeding, type Finding, finding, isDoneRun } from "#judge/finding.ts";

const mismatches = ({ analysis }: ExaminedRun): readonly Finding[] =>
  analysis.files.flatMap((file) =>
    file.mismatches.map((mismatch) =>
      finding("file", "invalid", {
        evidence: `\`${file.path}\`: ${mismatch}`,
        remedy: "compare it with its source; what could be read is in the report",
      }),
    ),
  );

const tears = (run: ExaminedRun): readonly Finding[] => {
  const torn = run.analysis.files.filter((file) => file.tornBytes > 0);
  if (torn.length === 0) return [];
  const names = torn.map((file) => `\`${file.path.slice(file.path.lastIndexOf("/") + 1)}\``);
  // Logs that are not ours end this way whenever their writer is killed, and their window ends with them.
  return [
    finding("file", isDoneRun(run) ? "invalid" : "suspect", {
      evidence: `the last row of ${names.join(" and ")} is torn and left out, and rows may be lost after it`,
      remedy: "end the writer with SIGTERM and wait for it, if it can flush",
    }),
  ];
};

const rowsLost = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const { whole } = run;
  if (whole === null || run.view !== "client" || whole.controllerRequests === null) return [];
  const off = Math.abs(whole.sent - whole.controllerRequests);
  const share = off / Math.max(1, whole.sent);
  return exceeding({ kind: "rows-lost", observed: share }, () => ({
    evidence: `the client sent ${whole.sent} requests, the controller's log has ${whole.controllerRequests}`,
    remedy: "look for lost rows or for another client of the controller",
  }));
};

const dialect = ({ analysis: run }: ExaminedRun): readonly Finding[] =>
  run.dialect === null || run.dialect.isDecided
    ? []
    : [
        finding("dialect", "suspect", {
          evidence: `the logs' dialect is not decided: ${run.dialect.reason}`,
          remedy: "more rows would decide it",
        }),
      ];

export const logFindings = (run: ExaminedRun): readonly Finding[] => [
  ...mismatches(run),
  ...tears(run),
  ...rowsLost(run),
  ...dialect(run),
];
