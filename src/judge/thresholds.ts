/**
 * Every bound that decides whether a run is VALID, SUSPECT or INVALID, with its unit and its reason.
 * docs/verdicts.md lists the same bounds for users, and a test holds the two against each other.
 * Bounds are chosen so that what is below them moves the headline by less than repetitions differ anyway
 * ("suspect"), or by less than makes its meaning another ("invalid").
 * They are frozen: the error rates in docs/faults.md were measured with exactly these, so that whoever changes one
 * repeats the fault suite and its clean runs, and then takes the new hash into the test.
 */

export interface Threshold {
  readonly unit: "ns" | "share" | "count";
  /** More than this makes a run SUSPECT. */
  readonly suspect: number;
  /** More than this makes it INVALID; null: this alone never does. */
  readonly invalid: number | null;
}

interface FixedThreshold extends Threshold {
  readonly reason: string;
}

/** A bound that grows with the SLO and never lies below a floor. */
interface SloThreshold {
  readonly shareOfSlo: number;
  readonly floorNs: number;
  readonly invalid: { readonly shareOfSlo: number; readonly floorNs: number } | null;
  readonly reason: string;
}

const MS = 1e6;

/** Bounds that do not depend on the experiment. */
export const FIXED = {
  dropped: {
    unit: "share",
    suspect: 0,
    invalid: 0.001,
    reason:
      "a dropped request counts as missed although the system never saw it: the SLO attainment is off by up to this share, and the load was not the one asked for",
  },
  unknown: {
    unit: "share",
    suspect: 0,
    invalid: 0.01,
    reason:
      "a request without an answer is rightly missed, but its latency is in no percentile: beyond 1 % p99 leaves out what it is about",
  },
  "missed-rate": {
    unit: "share",
    suspect: 0.005,
    invalid: 0.05,
    reason:
      "the share of the window's requests that were sent after its end; the goodput is per second of the window, so it is off by as much",
  },
  "late-misses": {
    unit: "share",
    suspect: 0.005,
    invalid: 0.05,
    reason:
      "requests that missed their SLO counted from when they were due, but not counted from when they were sent: the generator's share of the misses, so that SLO attainment may be too low by as much",
  },
  "expected-share": {
    unit: "share",
    suspect: 0,
    invalid: 0.001,
    reason:
      "where the schedule says exactly how many requests there are, every missing one is a lost row or was never scheduled; as for drops",
  },
  "expected-sigmas": {
    unit: "count",
    suspect: 5,
    invalid: 10,
    reason:
      "standard deviations of a Poisson count: 5 raise one false alarm in 1.7 million runs; 10 do not happen",
  },
  "rows-lost": {
    unit: "share",
    suspect: 0,
    invalid: 0.001,
    reason:
      "rows that one log has and another lacks, and numbers that no row has, of all requests; as for drops",
  },
  duplicates: {
    unit: "share",
    suspect: 0,
    invalid: 0.001,
    reason: "rows that repeat the key of another, of all requests; they count twice; as for drops",
  },
  "foreign-traffic": {
    unit: "share",
    suspect: 0,
    invalid: 0.01,
    reason:
      "requests that the controller had beside those of the generators, of theirs: beyond 1 % the load is not the one asked for",
  },
  "impossible-instants": {
    unit: "share",
    suspect: 0,
    invalid: 0.001,
    reason:
      "requests that were sent more than 0.1 ms before they were due, or answered before they were sent: a clock or a log is broken; as for drops",
  },
  "server-errors": {
    unit: "share",
    suspect: 0,
    invalid: 0.01,
    reason:
      "requests or actions that ended in an error (not late, not refused): beyond 1 % p99 and SLO attainment measure the error and no longer the load",
  },
  "generator-cpu": {
    unit: "share",
    suspect: 0.8,
    invalid: 0.95,
    reason:
      "time in which a generator's event loop did work: a queue at 80 % waits two services on average, near 100 % the generator is what limits a closed loop, which has no lateness to show it",
  },
  "run-delay": {
    unit: "share",
    suspect: 0.25,
    invalid: 0.75,
    reason:
      "time in which a role's main thread could run and had no processor, of the window: the machine is oversubscribed, and latencies hold waits that are not the system's; at three quarters the role did next to nothing but wait",
  },
  steal: {
    unit: "share",
    suspect: 0.02,
    invalid: 0.2,
    reason:
      "processor time that the hypervisor gave to others, of all processors' time; 2 % are a dozen of the kernel's 10 ms ticks in 3 s on two processors",
  },
  "cpu-pressure": {
    unit: "share",
    suspect: 0.25,
    invalid: null,
    reason:
      "time in which some task on the host waited for a processor; a run alone on its machine stays below 10 %. It counts others' tasks too, so it alone does not make a run INVALID: the roles' own run delay does",
  },
  throttled: {
    unit: "share",
    suspect: 0.01,
    invalid: 0.1,
    reason:
      "time in which the kernel's CPU quota stopped our processes, of the window: each stop lasts up to the quota's period of 100 ms",
  },
  "memory-pressure": {
    unit: "share",
    suspect: 0.02,
    invalid: 0.2,
    reason: "time in which some task waited for memory: reclaim and swapping stall any instruction",
  },
  "io-pressure": {
    unit: "share",
    suspect: 0.3,
    invalid: null,
    reason:
      "time in which some task waited for a disk; our roles write their logs beside the work, so it matters only through stalls, which are judged on their own",
  },
  "major-faults": {
    unit: "count",
    suspect: 100,
    invalid: null,
    reason:
      "pages that a role had to read from a disk within the window; the code of a role that ran for a second is in memory, so more than stray ones mean that memory is short",
  },
  "sampler-gap": {
    unit: "ns",
    suspect: 300 * MS,
    invalid: null,
    reason:
      "the longest time without a sample of the host, which is sampled every 100 ms: with three missed in a row, what happened meanwhile is not known",
  },
  "clock-step": {
    unit: "ns",
    suspect: 5 * MS,
    invalid: null,
    reason:
      "change of the wall clock against the monotonic one between two samples; roles take the wall clock once, at their start, so that only those started on both sides of a step disagree, which the clock error shows",
  },
} as const satisfies Readonly<Record<string, FixedThreshold>>;

/** Bounds that depend on the SLO: a millisecond is nothing to 500 ms and a third of 3 ms. */
export const RELATIVE = {
  "send-lateness": {
    shareOfSlo: 0.1,
    floorNs: 0.5 * MS,
    invalid: { shareOfSlo: 0.5, floorNs: 2 * MS },
    reason:
      "p99 of sent − due. Latency counts from when a request was due, so that 99 % of the latencies are too high by at most this: a tenth of the SLO hardly moves who meets it, half of it decides. A shared machine's own floor is 0.1 to 0.5 ms",
  },
  "send-lateness-max": {
    shareOfSlo: 0.5,
    floorNs: 10 * MS,
    invalid: null,
    reason:
      "the latest request: a stall of half an SLO is a disturbance even where it spares p99, and it is in p99.9 and the maximum",
  },
  "send-burst": {
    shareOfSlo: 0.1,
    floorNs: 0.5 * MS,
    invalid: null,
    reason:
      "of the worst second, what a tenth of its requests exceeded of sent − due: a stall that is too short for the window's p99 still bunches requests, which then queue behind each other",
  },
  "receive-lateness": {
    shareOfSlo: 0.1,
    floorNs: 1 * MS,
    invalid: { shareOfSlo: 0.5, floorNs: 4 * MS },
    reason:
      "p99 of read − sent by the controller, above the fastest such way: time that a response lay unread. As for send lateness; the floor is higher because it includes the network",
  },
  "receive-lateness-max": {
    shareOfSlo: 0.5,
    floorNs: 10 * MS,
    invalid: null,
    reason: "the response that lay unread longest; as for the latest request",
  },
  "request-delay": {
    shareOfSlo: 0.5,
    floorNs: 10 * MS,
    invalid: null,
    reason:
      "p99 of read by the controller − sent, above the median of it: time that a request lay in the network or unread. A controller that is busy reads late as well, and this is its own affair: so the bound is high",
  },
  "loop-stall": {
    shareOfSlo: 0.5,
    floorNs: 20 * MS,
    invalid: null,
    reason:
      "the longest time that a role's event loop did not look at its sockets: everything that arrived meanwhile waited that long",
  },
  "gc-pause": {
    shareOfSlo: 0.25,
    floorNs: 10 * MS,
    invalid: null,
    reason: "the longest garbage collection of a role; it stops the role as a whole",
  },
  "run-delay-max": {
    shareOfSlo: 0.5,
    floorNs: 20 * MS,
    invalid: null,
    reason:
      "the longest that a role's main thread waited for a processor between two samples (100 ms apart)",
  },
  "clock-error": {
    shareOfSlo: 0.02,
    floorNs: 1 * MS,
    invalid: { shareOfSlo: 0.5, floorNs: 10 * MS },
    reason:
      "by how much two roles' clocks disagree: what is seen on one host, where they are one clock, and what the synchronisation cannot exclude on any (half a round trip). Deadlines are instants, so they move by as much",
  },
} as const satisfies Readonly<Record<string, SloThreshold>>;

/** When the beginning of the window is so much worse than the rest that the warm-up was too short. */
export const WARM_UP = {
  /** Parts of the window (tenths) whose worst the first one is held against: the second half of the window. */
  settledParts: 5,
  /** The first tenth's median latency must be this many times that of the worst settled tenth. */
  latencyFactor: 2,
  /** And above it by this share of the SLO: below that nothing hangs on it. */
  latencyShareOfSlo: 0.1,
  /** The first tenth's share of requests in time must lie this far below that of the worst settled tenth. */
  attainmentDrop: 0.1,
  /** Shares of cold starts in the first tenth: at least this, */
  coldShare: 0.05,
  /** and this many times the share in the settled tenths; a system that thrashes has them throughout. */
  coldFactor: 4,
  /** Fewer requests (or cold starts, for those) say nothing. */
  requests: 20,
  coldStarts: 5,
} as const;

/** Findings that rest on a fact; what bounds they have is in `WARM_UP`. */
export const FACTS = {
  "run-not-done": "the run failed, was interrupted or did not start",
  "stopped-early": "a stop rule ended the run before its time",
  "no-requests": "no request was scheduled in the measurement window",
  "role-stopped": "a role was seen stopped, by a signal or a debugger, within the window",
  file: "a log is missing, torn, holds lines that are no rows, or is not what was collected",
  "warm-up": "the first tenth of the window is worse than every tenth of its second half",
  "cold-starts": "the first tenth of the window has cold starts that its second half has not",
  dialect: "nothing decides how the controller's logs are to be read",
  evidence: "something that should have been measured was not",
} as const;

export type MeasuredKind = keyof typeof FIXED | keyof typeof RELATIVE;
export type FactKind = keyof typeof FACTS;
export type FindingKind = MeasuredKind | FactKind;

const forSlo = (
  { shareOfSlo, floorNs, invalid }: SloThreshold,
  sloNs: number | null,
): Threshold => {
  const slo = sloNs ?? 0;
  return {
    unit: "ns",
    suspect: Math.max(floorNs, shareOfSlo * slo),
    invalid: invalid === null ? null : Math.max(invalid.floorNs, invalid.shareOfSlo * slo),
  };
};

const isFixed = (kind: MeasuredKind): kind is keyof typeof FIXED => kind in FIXED;

/** The bound of a kind for an SLO; without an SLO the floor of a relative one holds. */
export const thresholdOf = (kind: MeasuredKind, sloNs: number | null): Threshold =>
  isFixed(kind) ? FIXED[kind] : forSlo(RELATIVE[kind], sloNs);
