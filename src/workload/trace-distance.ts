/** How far the scaled replay of a trace of counts is from the same stretch of the trace, all functions at their own rates. */
import type { ScalingDistance } from "#experiment/resolved.ts";
import { ns, ZERO_NS } from "#stdx/nanos.ts";
import type { CountTable } from "#workload/count-table.ts";
import { GapDistribution } from "#workload/gap-distribution.ts";
import { distanceBetween, type Gathered } from "#workload/scaling-distance.ts";
import { TraceReplay } from "#workload/trace-replay.ts";
import {
  minutesNeeded,
  OfferedMinutes,
  sendDuration,
  type TraceWorkload,
} from "#workload/trace-schedule.ts";

/** Gaps that are looked at on either side: enough for a distance of half a percent, and done in a moment. */
const GAPS_MAX = 200_000;

const gather = (workload: TraceWorkload, trace: CountTable, seed: number): Gathered => {
  const counts = new Float64Array(minutesNeeded(workload));
  const minutes = new OfferedMinutes(workload, trace, seed);
  for (let minute = minutes.next(); minute !== null; minute = minutes.next()) {
    let total = 0;
    for (let i = 0; i < minute.size; i++) total += minute.counts[i] ?? 0;
    counts[minute.index] = total;
  }
  const gaps = new GapDistribution();
  const replay = new TraceReplay({ workload, trace, seed, instances: 1 });
  while (gaps.count < GAPS_MAX && replay.nextAt() !== null) gaps.add(replay.take().at);
  return { gaps, counts };
};

/** Rate curves are compared minute by minute, gaps over the first 200,000 of either; null where nothing is scaled. */
export const traceDistance = (
  workload: TraceWorkload,
  trace: CountTable,
  seed: number,
): ScalingDistance | null => {
  const { loadFactor, timeCompression, sampleFunctions: _, ...unsampled } = workload;
  const isSampled = (workload.sampleFunctions ?? trace.functionCount) < trace.functionCount;
  if (loadFactor === 1 && timeCompression === 1 && !isSampled) return null;
  const original: TraceWorkload = {
    ...unsampled,
    loadFactor: 1,
    timeCompression: 1,
    warmUpNs: ZERO_NS,
    durationNs: ns(Math.round(sendDuration(workload) * timeCompression)),
    coolDownNs: ZERO_NS,
  };
  return distanceBetween(gather(original, trace, seed), gather(workload, trace, seed));
};
