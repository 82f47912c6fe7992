/** Whether the clocks that the instants of one run come from agree. */
import { type ExaminedRun, exceeding, type Finding } from "#judge/finding.ts";
import { counted, scheduledIn, showNs, showShare } from "#judge/numbers.ts";
import type { LoopHealth } from "#query/analysis.ts";

const REMEDY =
  "synchronise the hosts' clocks (chrony, PTP); on one host, do not set it while roles start";

/**
 * A difference between clocks is known but for half of the round trip in which it was asked for. Between hosts it is
 * taken into account; on one host all roles read the same clock, and whatever is seen beyond that half is an error.
 */
const errorOf = (loop: LoopHealth, isOneHost: boolean): number | null => {
  const { clockDeltaNs, roundTripNs } = loop;
  if (clockDeltaNs === null || roundTripNs === null) return null;
  const half = roundTripNs / 2;
  return isOneHost ? Math.max(half, Math.abs(clockDeltaNs) - half) : half;
};

const measured = ({ analysis, sloNs }: ExaminedRun): readonly Finding[] => {
  const { health } = analysis;
  if (health === null) return [];
  const isOneHost = health.hosts.length <= 1;
  return health.loops.flatMap((loop) => {
    const observed = errorOf(loop, isOneHost);
    return exceeding({ kind: "clock-error", observed, sloNs }, (error, bound) => ({
      evidence: `the clock of ${loop.process} may be off by ${showNs(error)} against that of a peer (bound: ${showNs(bound)}; difference ${showNs(loop.clockDeltaNs ?? 0)}, round trip ${showNs(loop.roundTripNs ?? 0)})`,
      remedy: REMEDY,
    }));
  });
};

/**
 * What the logs say: both ways between client and controller take longer than nothing, so that a way that took less,
 * by the clocks of both, shows by how much these disagree at least. Single requests prove nothing: an instant is taken
 * after the system call that it belongs to, and between the two a busy machine may do something else.
 */
const logged = ({ analysis, sloNs }: ExaminedRun): readonly Finding[] => {
  const { outMedianNs = null, backMedianNs = null } = analysis.evidence.reconciliation ?? {};
  if (outMedianNs === null || backMedianNs === null) return [];
  const observed = Math.max(0, -outMedianNs, -backMedianNs);
  return exceeding({ kind: "clock-error", observed, sloNs }, (error, bound) => ({
    evidence: `by the clocks of client and controller half of the messages arrived ${showNs(error)} or more before they were sent (bound: ${showNs(bound)})`,
    remedy: REMEDY,
  }));
};

const impossible = ({ analysis: run }: ExaminedRun): readonly Finding[] => {
  const count = run.evidence.timing?.impossible ?? 0;
  const observed = count / scheduledIn(run);
  return exceeding({ kind: "impossible-instants", observed }, (share) => ({
    evidence: `${counted(count, "request")} (${showShare(share)}) left well before being due, or came back before leaving`,
    remedy: REMEDY,
  }));
};

export const clockFindings = (run: ExaminedRun): readonly Finding[] => [
  ...impossible(run),
  ...measured(run),
  ...logged(run),
];
