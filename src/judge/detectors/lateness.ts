/** Whether requests left and responses were read when they should have been. */
import { type ExaminedRun, exceeding, type Finding } from "#judge/finding.ts";
import { showNs } from "#judge/numbers.ts";

const REMEDY = "use an idle machine or one with more cores, use more generators, or offer less";

const sending = ({ analysis: { metrics }, sloNs }: ExaminedRun): readonly Finding[] => {
  const p99 = metrics["send_lateness_p99"]?.value;
  const max = metrics["send_lateness_max"]?.value;
  return [
    ...exceeding({ kind: "send-lateness", observed: p99, sloNs }, (value, bound) => ({
      evidence: `1 % of the requests were sent more than ${showNs(value)} late (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
    ...exceeding({ kind: "send-lateness-max", observed: max, sloNs }, (value, bound) => ({
      evidence: `a request was sent ${showNs(value)} late (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
  ];
};

export const latenessFindings = (run: ExaminedRun): readonly Finding[] => sending(run);
