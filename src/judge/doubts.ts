/** What in a run's own data speaks against trusting it: evidence, and what would help. */
import type { RunAnalysis } from "#query/analysis.ts";

/** One reason for doubt about one run. */
export interface Doubt {
  readonly run: { readonly index: number; readonly name: string };
  readonly kind:
    | "run-not-done"
    | "dropped"
    | "unknown"
    | "send-lateness"
    | "expected"
    | "controller-rows"
    | "file"
    | "dialect"
    | "no-requests";
  readonly evidence: string;
  readonly remedy: string;
}

/** What the plan says of a run, as far as doubts need it. */
export interface DoubtedRun {
  readonly analysis: RunAnalysis;
  /** The system's default SLO in ns; null where no plan says. */
  readonly sloNs: number | null;
  /** Whether the announced number of requests is exact, or the mean of a Poisson process. */
  readonly isExpectedExact: boolean;
}

type Finding = Omit<Doubt, "run">;

/** Sending later than this share of the SLO spoils the latency that is measured from the scheduled instant. */
const LATENESS_SHARE_OF_SLO = 0.1;
const LATENESS_FLOOR_NS = 1_000_000;
/** Standard deviations of a Poisson count: about one false alarm in 1.7 million runs. */
const POISSON_SIGMAS = 5;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

const countOf = (run: RunAnalysis, outcome: string): number =>
  sum(run.outcomes.filter((row) => row.outcome === outcome).map((row) => row.count));

const stateFindings = ({ analysis: run }: DoubtedRun): Finding[] => {
  const state = run.stored?.state;
  if (state === "done" || (run.stored === null && run.window?.source === "log")) return [];
  const problems = run.stored?.problems ?? [];
  return [
    {
      kind: "run-not-done",
      evidence:
        run.stored === null
          ? "the run left no run.json: it did not start, or its runner was killed"
          : `the run ended as ${state}${problems.length === 0 ? "" : `: ${problems.join("; ")}`}`,
      remedy: "`--resume` redoes it",
    },
  ];
};

const outcomeFindings = ({ analysis: run }: DoubtedRun): Finding[] => {
  const dropped = countOf(run, "dropped");
  const unknown = countOf(run, "unknown");
  const findings: Finding[] = [];
  if (dropped > 0) {
    findings.push({
      kind: "dropped",
      evidence: `${dropped} ${dropped === 1 ? "request was" : "requests were"} due but never sent`,
      remedy: "offer less, or give the client a processor of its own",
    });
  }
  if (unknown > 0) {
    findings.push({
      kind: "unknown",
      evidence: `${unknown} ${unknown === 1 ? "request" : "requests"} had no answer when the run ended`,
      remedy: "raise `limits.drain`, or look into the controller's log",
    });
  }
  return findings;
};

const latenessFindings = ({ analysis: run, sloNs }: DoubtedRun): Finding[] => {
  const p99 = run.metrics["send_lateness_p99"]?.value;
  const bound = Math.max(LATENESS_FLOOR_NS, (sloNs ?? 0) * LATENESS_SHARE_OF_SLO);
  if (p99 === undefined || p99 <= bound) return [];
  return [
    {
      kind: "send-lateness",
      evidence: `1 % of the requests were sent more than ${(p99 / 1e6).toFixed(2)} ms late (bound: ${(bound / 1e6).toFixed(2)} ms)`,
      remedy: "use an idle machine or one with more cores, or offer less",
    },
  ];
};

const expectedFindings = ({ analysis: run, isExpectedExact }: DoubtedRun): Finding[] => {
  const expected = run.stored?.expected_requests ?? null;
  if (expected === null || run.view !== "client" || run.stored?.state !== "done") return [];
  const scheduled = sum(run.outcomes.map((row) => row.count));
  const tolerance = isExpectedExact ? 1 : POISSON_SIGMAS * Math.sqrt(expected);
  if (Math.abs(scheduled - expected) < tolerance) return [];
  return [
    {
      kind: "expected",
      evidence: `${expected} requests were expected in the measurement window, ${scheduled} are in the log`,
      remedy: "look for missing rows in the client's log",
    },
  ];
};

const controllerFindings = ({ analysis: run }: DoubtedRun): Finding[] => {
  const { whole } = run;
  if (whole === null || run.view !== "client") return [];
  const { controllerRequests } = whole;
  if (controllerRequests === null || controllerRequests === whole.sent) return [];
  return [
    {
      kind: "controller-rows",
      evidence: `the client sent ${whole.sent} requests, the controller's log has ${controllerRequests}`,
      remedy: "look for lost rows or for another client of the controller",
    },
  ];
};

const fileFindings = ({ analysis: run }: DoubtedRun): Finding[] => {
  const torn = run.files.filter((file) => file.tornBytes > 0);
  const tornNames = torn.map((file) => `\`${file.path.slice(file.path.lastIndexOf("/") + 1)}\``);
  const findings = run.files.flatMap((file) =>
    file.mismatches.map(
      (mismatch): Finding => ({
        kind: "file",
        evidence: `\`${file.path}\`: ${mismatch}`,
        remedy: "compare it with its source; what could be read is in the report",
      }),
    ),
  );
  if (torn.length === 0) return findings;
  return [
    ...findings,
    {
      kind: "file",
      evidence: `the last row of ${tornNames.join(" and ")} is torn and left out, and rows may be lost after it`,
      remedy: "end the writer with SIGTERM and wait for it, if it can flush",
    },
  ];
};

const dialectFindings = ({ analysis: run }: DoubtedRun): Finding[] =>
  run.dialect === null || run.dialect.isDecided
    ? []
    : [
        {
          kind: "dialect",
          evidence: `the logs' dialect is not decided: ${run.dialect.reason}`,
          remedy: "more rows would decide it",
        },
      ];

const emptinessFindings = ({ analysis: run }: DoubtedRun): Finding[] =>
  run.view !== null && run.outcomes.length === 0 && run.stored?.state === "done"
    ? [
        {
          kind: "no-requests",
          evidence: "no request was scheduled in the measurement window",
          remedy: "lengthen `workload.duration` or raise the rate",
        },
      ]
    : [];

/** All doubts about all runs, in the order of the runs. */
export const findDoubts = (runs: readonly DoubtedRun[]): readonly Doubt[] =>
  runs.flatMap((run) =>
    [
      ...stateFindings(run),
      ...emptinessFindings(run),
      ...outcomeFindings(run),
      ...latenessFindings(run),
      ...expectedFindings(run),
      ...controllerFindings(run),
      ...fileFindings(run),
      ...dialectFindings(run),
    ].map(
      (finding): Doubt => ({
        run: { index: run.analysis.index, name: run.analysis.name },
        ...finding,
      }),
    ),
  );
