/** Whether the system had settled when the measurement window began. */
import { type ExaminedRun, type Finding, finding } from "#judge/finding.ts";
import { showNs, showShare } from "#judge/numbers.ts";
import { WARM_UP } from "#judge/thresholds.ts";
import type { SegmentRow } from "#query/evidence.ts";

const REMEDY = "lengthen `workload.warmUp`";

const settledOf = (segments: readonly SegmentRow[]): readonly SegmentRow[] =>
  segments.slice(-WARM_UP.settledParts);

const latency = (first: SegmentRow, run: ExaminedRun): readonly Finding[] => {
  const others = settledOf(run.analysis.evidence.segments).map((part) => part.latencyP50Ns);
  const known = others.filter((value) => value !== null);
  if (first.latencyP50Ns === null || known.length < others.length) return [];
  const worst = Math.max(...known);
  const least = Math.max(
    worst * WARM_UP.latencyFactor,
    worst + (run.sloNs ?? 0) * WARM_UP.latencyShareOfSlo,
  );
  if (first.latencyP50Ns <= least) return [];
  return [
    finding("warm-up", "suspect", {
      evidence: `the median latency of the window's first tenth is ${showNs(first.latencyP50Ns)}, of every tenth of its second half at most ${showNs(worst)}`,
      remedy: REMEDY,
    }),
  ];
};

const attainment = (first: SegmentRow, run: ExaminedRun): readonly Finding[] => {
  const share = (part: SegmentRow): number => part.good / Math.max(1, part.scheduled);
  const worst = Math.min(...settledOf(run.analysis.evidence.segments).map(share));
  if (worst - share(first) <= WARM_UP.attainmentDrop) return [];
  return [
    finding("warm-up", "suspect", {
      evidence: `of the window's first tenth ${showShare(share(first))} of the requests were in time, of every tenth of its second half at least ${showShare(worst)}`,
      remedy: REMEDY,
    }),
  ];
};

const coldStarts = (first: SegmentRow, run: ExaminedRun): readonly Finding[] => {
  const settled = settledOf(run.analysis.evidence.segments);
  const share = (parts: readonly SegmentRow[]): number =>
    parts.reduce((total, { cold }) => total + cold, 0) /
    Math.max(
      1,
      parts.reduce((total, { arrived }) => total + arrived, 0),
    );
  const [early, later] = [share([first]), share(settled)];
  const isCold = first.cold >= WARM_UP.coldStarts && early > WARM_UP.coldShare;
  if (!isCold || early <= later * WARM_UP.coldFactor) return [];
  return [
    finding("cold-starts", "suspect", {
      evidence: `${showShare(early)} of the requests in the window's first tenth were cold starts, ${showShare(later)} in its second half`,
      remedy: REMEDY,
    }),
  ];
};

/** A load that changes by itself has trends of its own; cold starts are none of them. */
export const warmUpFindings = (run: ExaminedRun): readonly Finding[] => {
  const { segments } = run.analysis.evidence;
  const [first] = segments;
  if (first === undefined || segments.some((part) => part.scheduled < WARM_UP.requests)) return [];
  const trends = run.isSteady ? [...latency(first, run), ...attainment(first, run)] : [];
  return [...trends.slice(0, 1), ...coldStarts(first, run)];
};
