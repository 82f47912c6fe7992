/** Whether requests left and responses were read when they should have been. */
import { type ExaminedRun, exceeding, type Finding } from "#judge/finding.ts";
import { counted, scheduledIn, showNs, showShare } from "#judge/numbers.ts";

const REMEDY = "use an idle machine or one with more cores, use more generators, or offer less";

const sending = ({ analysis: run, sloNs }: ExaminedRun): readonly Finding[] => {
  const observe = (metric: string) => run.metrics[metric]?.value;
  const p99 = observe("send_lateness_p99");
  const max = observe("send_lateness_max");
  const burst = run.evidence.timing?.worstSecondTenthNs;
  return [
    ...exceeding({ kind: "send-lateness", observed: p99, sloNs }, (value, bound) => ({
      evidence: `1 % of the requests were sent more than ${showNs(value)} late (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
    ...exceeding({ kind: "send-burst", observed: burst, sloNs }, (value, bound) => ({
      evidence: `in the worst second a tenth of the requests were sent more than ${showNs(value)} late (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
    ...exceeding({ kind: "send-lateness-max", observed: max, sloNs }, (value, bound) => ({
      evidence: `a request was sent ${showNs(value)} late (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
  ];
};

/** Above the fastest way from the controller's write to our read, which is the network's and not ours. */
const receiving = ({ analysis: run, sloNs }: ExaminedRun): readonly Finding[] => {
  const fastest = run.evidence.timing?.receiveMinNs ?? null;
  const above = (metric: string): number | null => {
    const value = run.metrics[metric]?.value;
    return fastest === null || value === undefined ? null : value - fastest;
  };
  const p99 = above("receive_lateness_p99");
  const max = above("receive_lateness_max");
  return [
    ...exceeding({ kind: "receive-lateness", observed: p99, sloNs }, (value, bound) => ({
      evidence: `1 % of the responses were read ${showNs(value)} later than the fastest one (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
    ...exceeding({ kind: "receive-lateness-max", observed: max, sloNs }, (value, bound) => ({
      evidence: `a response was read ${showNs(value)} later than the fastest one (bound: ${showNs(bound)})`,
      remedy: REMEDY,
    })),
  ];
};

/** The other way, which only the join of the client's and the controller's logs shows. */
const underWay = ({ analysis: { evidence }, sloNs }: ExaminedRun): readonly Finding[] => {
  const { outMedianNs = null, outP99Ns = null } = evidence.reconciliation ?? {};
  const observed = outMedianNs === null || outP99Ns === null ? null : outP99Ns - outMedianNs;
  return exceeding({ kind: "request-delay", observed, sloNs }, (value, bound) => ({
    evidence: `1 % of the requests took ${showNs(value)} longer than half of them from the client to the controller (bound: ${showNs(bound)})`,
    remedy: "look at the network between them, and at how busy the controller was",
  }));
};

/** Fewer requests than this are what the edges of the window cut off or let in. */
const EDGE_REQUESTS = 5;

const rate = ({ analysis: { evidence } }: ExaminedRun): readonly Finding[] => {
  const { timing } = evidence;
  if (timing === null || Math.abs(timing.due - timing.sent) <= EDGE_REQUESTS) return [];
  const observed = Math.abs(timing.due - timing.sent) / timing.due;
  return exceeding({ kind: "missed-rate", observed }, (share) => ({
    evidence: `${timing.due} requests were due in the measurement window, ${timing.sent} were sent in it: ${showShare(share)} ${timing.sent < timing.due ? "fewer" : "more"}`,
    remedy: REMEDY,
  }));
};

const misses = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const late = run.evidence.timing?.lateMisses ?? 0;
  const observed = late / scheduledIn(run);
  return exceeding({ kind: "late-misses", observed }, (share) => ({
    evidence: `${counted(late, "request")} (${showShare(share)}) missed the SLO only because they were sent late`,
    remedy: REMEDY,
  }));
};

export const latenessFindings = (run: ExaminedRun): readonly Finding[] => [
  ...sending(run),
  ...rate(run),
  ...misses(run),
  ...receiving(run),
  ...underWay(run),
];
