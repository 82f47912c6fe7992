/** What any workload will offer, in sentences, without running it: for the plan and the workload's summary. */
import type { Load, Workload } from "#experiment/resolved.ts";
import { assert } from "#stdx/assert.ts";
import { ZERO_NS } from "#stdx/nanos.ts";
import { formatDuration } from "#stdx/quantity.ts";
import {
  countInstances,
  createArrivalProcess,
  type ServedModels,
} from "#workload/arrival-process.ts";
import type { WindowTrace } from "#workload/client-windows.ts";
import type { CountTable } from "#workload/count-table.ts";
import { distanceText, formatText, scalingText, startText } from "#workload/describe-replay.ts";
import { describeTrace } from "#workload/describe-trace.ts";
import { arrivalsText, inSeconds, isExact, plural } from "#workload/load-text.ts";
import type { RecordedWorkload } from "#workload/recorded-replay.ts";
import {
  namesFunctions,
  type RequestTrace,
  type RequestTraceWorkload,
} from "#workload/request-trace.ts";
import { sendDuration } from "#workload/trace-schedule.ts";
import type { WindowWorkload } from "#workload/window-replay.ts";

export interface DescribeOptions {
  readonly seed: number;
  readonly models: ServedModels;
  /** Needed by the replay of Azure Functions 2019 only. */
  readonly trace?: CountTable;
  /** Needed by the replay of other traces. */
  readonly requestTrace?: RequestTrace;
  /** Needed by ServeGen's client windows. */
  readonly windowTrace?: WindowTrace;
}

/** Requests from the start of the warm-up to the end of the cool-down; null where responses or a missing trace decide. */
export const expectedRequests = (workload: Workload, options: DescribeOptions): number | null => {
  if (workload.arrivals === "azure-functions-2019" && options.trace === undefined) return null;
  const needsFile = workload.arrivals === "trace" || workload.arrivals === "recorded";
  if (workload.arrivals === "servegen" && options.windowTrace === undefined) return null;
  if (needsFile && options.requestTrace === undefined) return null;
  const made = createArrivalProcess({ workload, ...options });
  const count = made.ok ? made.value.expectedCount(ZERO_NS, sendDuration(workload)) : null;
  return count === null ? null : Math.round(count);
};

const closedLoopText = (
  load: Extract<Load, { readonly arrivals: "closed-loop" }>,
  instances: number,
): string => {
  const slots = plural(load.concurrency * instances, "request");
  const think = load.thinkTimeNs;
  const pause = think === 0 ? "at once" : `after ${formatDuration(think)}`;
  return `${slots} outstanding, each followed ${pause} by the next`;
};

const BY_RESPONSES = "The number of requests depends on the responses.";

const describeLoad = (load: Load & Workload, options: DescribeOptions): readonly string[] => {
  const instances = countInstances(options.models);
  if (load.arrivals === "closed-loop") {
    const over = plural(instances, "model instance");
    return [`Closed loop over ${over}: ${closedLoopText(load, instances)}.`, BY_RESPONSES];
  }
  const requests = expectedRequests(load, options) ?? 0;
  const about = isExact(load) ? "" : "about ";
  const text = arrivalsText(load);
  return [
    `Open loop, ${text}${text.includes(", ") ? "," : ""} spread evenly over ${plural(instances, "model instance")}.`,
    `Offers ${about}${plural(requests, "request")}.`,
  ];
};

type MixWorkload = Extract<Workload, { readonly arrivals: "mix" }>;

const describeMix = (workload: MixWorkload, options: DescribeOptions): readonly string[] => {
  const { models } = options;
  const lines = workload.parts.map((part) => {
    const asked = models.filter(({ model }) => part.models?.includes(model) ?? true);
    const instances = countInstances(asked);
    const over = `${plural(instances, "instance")} of ${part.models === null ? "all models" : part.models.join(", ")}`;
    const { load } = part;
    if (load.arrivals === "closed-loop") {
      return `${part.name}: closed loop over ${over}: ${closedLoopText(load, instances)}.`;
    }
    const alone = expectedRequests({ ...workload, parts: [part] }, options) ?? 0;
    const about = isExact(load) ? "" : "about ";
    return `${part.name}: ${arrivalsText(load)} over ${over}; ${about}${plural(alone, "request")}.`;
  });
  const all = expectedRequests(workload, options);
  const about = workload.parts.every(({ load }) => isExact(load)) ? "" : "about ";
  return [
    `A mix of ${plural(workload.parts.length, "load")}, each with its own seed:`,
    ...lines,
    all === null ? BY_RESPONSES : `Offers ${about}${plural(all, "request")} in all.`,
  ];
};

const describeReplay = (
  workload: RequestTraceWorkload,
  options: DescribeOptions,
): readonly string[] => {
  const facts = options.requestTrace?.facts;
  assert(facts !== undefined, "a trace is described when it has been read");
  const length = inSeconds(facts.lastNs - facts.firstNs);
  const span = inSeconds(sendDuration(workload) * workload.timeCompression);
  const { distance } = workload;
  const functions =
    facts.sources === 1
      ? "Its only function asks one model instance, drawn with the seed."
      : `Its ${plural(facts.sources, "function")} take the model instances in turn, in an order drawn with the seed.`;
  const who = namesFunctions(workload)
    ? functions
    : "Requests are spread over the model instances at random.";
  return [
    `Replays ${span} of a trace of ${plural(facts.requests, "request")} over ${length}, format ${formatText(workload)}, from ${startText(workload)} on.`,
    `Scaling: ${scalingText(workload)}.`,
    ...(distance === undefined ? [] : [`${distanceText(distance)}.`]),
    `Offers ${plural(expectedRequests(workload, options) ?? 0, "request")}.`,
    who,
  ];
};

const describeWindows = (workload: WindowWorkload, options: DescribeOptions): readonly string[] => {
  const { windowTrace: trace } = options;
  assert(trace !== undefined, "client windows are described when they have been read");
  const span = inSeconds(sendDuration(workload) * workload.timeCompression);
  const start = workload.startNs === 0 ? "the start" : inSeconds(workload.startNs);
  const length = inSeconds(trace.windowS * trace.windowCount * 1e9);
  const scaling = [
    ...(workload.timeCompression === 1 ? [] : [`time compressed ${workload.timeCompression}-fold`]),
    ...(workload.loadFactor === 1 ? [] : [`every rate multiplied by ${workload.loadFactor}`]),
  ];
  return [
    `Offers what ${plural(trace.clients.length, "client")} did in ${span} of ${length}, from ${start} on: in each window of ${trace.windowS} s Gamma or Weibull gaps at the client's rate.`,
    `Scaling: ${scaling.length === 0 ? "none" : scaling.join("; ")}.`,
    ...(workload.distance === undefined ? [] : [`${distanceText(workload.distance)}.`]),
    `Offers about ${plural(expectedRequests(workload, options) ?? 0, "request")}.`,
    "Clients are shuffled with the run's seed and dealt to the model instances in turn.",
  ];
};

const describeRecorded = (
  workload: RecordedWorkload,
  options: DescribeOptions,
): readonly string[] => {
  const all = options.requestTrace?.facts.requests;
  assert(all !== undefined, "a recorded schedule is described when it has been read");
  const requests = expectedRequests(workload, options) ?? 0;
  const which = requests === all ? "all of them" : `the first ${plural(requests, "request")}`;
  return [
    `Replays a recorded schedule of ${plural(all, "request")}: ${which}, at the same instants, with the same model instances, users and classes.`,
    `Offers ${plural(requests, "request")}.`,
  ];
};

/** What a workload will offer, in sentences. */
export const describeWorkload = (
  workload: Workload,
  options: DescribeOptions,
): readonly string[] => {
  if (workload.arrivals === "mix") return describeMix(workload, options);
  if (workload.arrivals === "trace") return describeReplay(workload, options);
  if (workload.arrivals === "servegen") return describeWindows(workload, options);
  if (workload.arrivals === "recorded") return describeRecorded(workload, options);
  if (workload.arrivals !== "azure-functions-2019") return describeLoad(workload, options);
  const { trace, seed } = options;
  assert(trace !== undefined, "a trace is described when it has been read");
  return describeTrace(workload, trace, seed);
};
