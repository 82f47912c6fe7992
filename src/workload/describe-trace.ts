/** What the replay of a trace will offer, in numbers and in words, without running it. */
import { ns, ZERO_NS } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import type { AzureTrace } from "#workload/azure-trace.ts";
import { plural, round } from "#workload/load-text.ts";
import { TraceReplay } from "#workload/trace-replay.ts";
import {
  minuteLengthNs,
  minuteStart,
  minutesNeeded,
  scheduleFunctions,
  sendDuration,
  startColumn,
  type TraceWorkload,
} from "#workload/trace-schedule.ts";

/** The part of a trace that a workload replays. Rates and requests are means where placement is Poisson. */
export interface TraceSummary {
  readonly functions: number;
  /** Functions with at least one request in the used minutes. */
  readonly activeFunctions: number;
  /** As the header names them; both are used. */
  readonly firstMinute: number;
  readonly lastMinute: number;
  readonly minutes: number;
  /** Requests from the start of the warm-up to the end of the cool-down. */
  readonly requests: number;
  /** Requests scheduled in the measurement window. */
  readonly measuredRequests: number;
  readonly ratePerSMean: number;
  /** Rate of the busiest whole minute. */
  readonly ratePerSMax: number;
  /** Share of all requests that the busiest function has. */
  readonly busiestFunctionShare: number;
}

/** Counts what a replay will offer. The workload must fit the trace: `traceProblems` is empty. */
export const summariseTrace = (
  workload: TraceWorkload,
  trace: AzureTrace,
  seed: number,
): TraceSummary => {
  const schedules = scheduleFunctions(workload, trace, seed);
  const minutes = minutesNeeded(workload);
  const perMinute = new Float64Array(minutes);
  let busiest = 0;
  for (const schedule of schedules) {
    let total = 0;
    for (const [position, minute] of schedule.minutes.entries()) {
      const count = schedule.counts[position] ?? 0;
      perMinute[minute] = (perMinute[minute] ?? 0) + count;
      total += count;
    }
    busiest = Math.max(busiest, total);
  }
  const offered = perMinute.reduce((sum, count) => sum + count, 0);
  const end = sendDuration(workload);
  const measureStart = workload.warmUpNs;
  const process = new TraceReplay({ workload, trace, seed, instances: 1 });
  const requests = process.expectedCount(ZERO_NS, end);
  const firstMinute = trace.firstMinute + startColumn(workload, trace);
  return {
    functions: trace.functions.length,
    activeFunctions: schedules.length,
    firstMinute,
    lastMinute: firstMinute + minutes - 1,
    minutes,
    requests,
    measuredRequests: process.expectedCount(measureStart, ns(measureStart + workload.durationNs)),
    ratePerSMean: (requests * 1e9) / end,
    ratePerSMax: perMinute.reduce((max, count, index) => {
      const length = minuteStart(workload, index + 1) - minuteStart(workload, index);
      return Math.max(max, (count * 1e9) / length);
    }, 0),
    busiestFunctionShare: offered === 0 ? 0 : busiest / offered,
  };
};

const describeCompression = (workload: TraceWorkload): string => {
  const { timeCompression } = workload;
  if (timeCompression === 1)
    return "Traced time runs at its own speed: one traced minute lasts 60 s.";
  const length = formatDuration(ns(Math.round(minuteLengthNs(workload))));
  const change =
    timeCompression > 1
      ? `all rates are ${timeCompression} times those of the trace`
      : `all rates are ${1 / timeCompression} times lower than those of the trace`;
  return (
    `Time is compressed ${timeCompression}-fold: one traced minute lasts ${length} and keeps its number of requests, ` +
    `so ${change}, and what happens within a minute of the trace happens within ${length}.`
  );
};

const PLACEMENTS: Readonly<Record<TraceWorkload["placement"], string>> = {
  even: "The requests of a function in a minute are evenly spaced, each function with its own seeded phase; their numbers equal the trace's exactly.",
  uniform:
    "The requests of a function in a minute fall anywhere in it, each by itself; their numbers equal the trace's exactly.",
  poisson:
    "The requests of a function in a minute are a Poisson process; the trace's number is its mean.",
};

const describeLoadFactor = (workload: TraceWorkload): string | null => {
  if (workload.loadFactor === 1) return null;
  const rounding =
    workload.placement !== "poisson"
      ? " fractions are carried from minute to minute, so each function's total is exact to within one request."
      : "";
  return `Every number of the trace is multiplied by ${workload.loadFactor}${rounding === "" ? "." : `;${rounding}`}`;
};

/** Sentences for people: what is replayed, and what the settings do to the trace's rates. */
export const describeTrace = (
  workload: TraceWorkload,
  trace: AzureTrace,
  seed: number,
): string[] => {
  const summary = summariseTrace(workload, trace, seed);
  const about = workload.placement === "even" ? "" : "about ";
  const loadFactor = describeLoadFactor(workload);
  return [
    `Replays minutes ${summary.firstMinute} to ${summary.lastMinute} of ${plural(summary.functions, "function")} ` +
      `(${summary.activeFunctions.toLocaleString("en-US")} of them active; the busiest has ${round(summary.busiestFunctionShare * 100)} % of the requests).`,
    describeCompression(workload),
    ...(loadFactor === null ? [] : [loadFactor]),
    PLACEMENTS[workload.placement],
    `Offers ${about}${plural(Math.round(summary.requests), "request")}, ${about}${Math.round(summary.measuredRequests).toLocaleString("en-US")} of them measured: ` +
      `${round(summary.ratePerSMean)}/s on average, ${round(summary.ratePerSMax)}/s in the busiest minute.`,
    "Functions are shuffled with the run's seed and dealt to the model instances in turn.",
  ];
};
