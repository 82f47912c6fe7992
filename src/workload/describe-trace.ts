/** What the replay of a trace will offer, in numbers and in words, without running it. */
import { ns } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import type { CountTable } from "#workload/count-table.ts";
import { distanceText } from "#workload/describe-replay.ts";
import { plural, round } from "#workload/load-text.ts";
import { MinuteCounter } from "#workload/minute-placement.ts";
import {
  minuteLengthNs,
  minuteStart,
  minutesNeeded,
  OfferedMinutes,
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
  trace: CountTable,
  seed: number,
): TraceSummary => {
  const minutes = minutesNeeded(workload);
  const perMinute = new Float64Array(minutes);
  const perFunction = new Float64Array(trace.functionCount);
  const offeredMinutes = new OfferedMinutes(workload, trace, seed);
  const counter = new MinuteCounter(workload, trace, seed);
  const end = sendDuration(workload);
  const measureStart = workload.warmUpNs;
  const measureEnd = measureStart + workload.durationNs;
  let [requests, measuredRequests] = [0, 0];
  for (let minute = offeredMinutes.next(); minute !== null; minute = offeredMinutes.next()) {
    for (let i = 0; i < minute.size; i++) {
      const [fn, count] = [minute.functions[i] ?? 0, minute.counts[i] ?? 0];
      perMinute[minute.index] = (perMinute[minute.index] ?? 0) + count;
      perFunction[fn] = (perFunction[fn] ?? 0) + count;
    }
    requests += counter.count(minute, 0, end);
    measuredRequests += counter.count(minute, measureStart, measureEnd);
  }
  const offered = perMinute.reduce((sum, count) => sum + count, 0);
  const busiest = perFunction.reduce((most, count) => Math.max(most, count), 0);
  const firstMinute = trace.firstMinute + startColumn(workload, trace);
  return {
    functions: trace.functionCount,
    activeFunctions: perFunction.filter((count) => count > 0).length,
    firstMinute,
    lastMinute: firstMinute + minutes - 1,
    minutes,
    requests,
    measuredRequests,
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
      : `all rates are ${round(1 / timeCompression)} times lower than those of the trace`;
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

const describeSample = (
  { sampleFunctions }: TraceWorkload,
  { functionCount }: CountTable,
): string | null => {
  if (sampleFunctions === undefined) return null;
  if (sampleFunctions >= functionCount) {
    return `A sample of ${plural(sampleFunctions, "function")} is asked for, and the trace has no more than all that are replayed.`;
  }
  const which =
    sampleFunctions < 1
      ? `each with probability ${sampleFunctions}`
      : `${plural(sampleFunctions, "function")} of them`;
  return `Only a sample of the functions is replayed, drawn with the run's seed: ${which}.`;
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
  trace: CountTable,
  seed: number,
): string[] => {
  const summary = summariseTrace(workload, trace, seed);
  const about = workload.placement === "even" ? "" : "about ";
  const loadFactor = describeLoadFactor(workload);
  const sample = describeSample(workload, trace);
  return [
    `Replays minutes ${summary.firstMinute} to ${summary.lastMinute} of ${plural(summary.functions, "function")} ` +
      `(${summary.activeFunctions.toLocaleString("en-US")} of them active; the busiest has ${round(summary.busiestFunctionShare * 100)} % of the requests).`,
    describeCompression(workload),
    ...(sample === null ? [] : [sample]),
    ...(loadFactor === null ? [] : [loadFactor]),
    PLACEMENTS[workload.placement],
    ...(workload.distance === undefined ? [] : [`${distanceText(workload.distance)}.`]),
    `Offers ${about}${plural(Math.round(summary.requests), "request")}, ${about}${Math.round(summary.measuredRequests).toLocaleString("en-US")} of them measured: ` +
      `${round(summary.ratePerSMean)}/s on average, ${round(summary.ratePerSMax)}/s in the busiest minute.`,
    "Functions are shuffled with the run's seed and dealt to the model instances in turn.",
  ];
};
