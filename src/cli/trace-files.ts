/** Opens traces as texts that are read piece by piece, and reads those of a plan once to know what is in them. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { ParquetTexts } from "#cli/parquet-traces.ts";
import { expandTraceName } from "#cli/trace-name.ts";
import type { Plan, PlannedRun, Problem, ScalingDistance, Workload } from "#experiment/resolved.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { countInstances } from "#workload/arrival-process.ts";
import { readWindowTrace, type WindowTrace } from "#workload/client-windows.ts";
import type { CountTable } from "#workload/count-table.ts";
import {
  RECORDED_LAYOUT,
  type RecordedWorkload,
  recordedProblems,
} from "#workload/recorded-replay.ts";
import { replayProblems, scalingDistance } from "#workload/request-replay.ts";
import {
  type RequestTrace,
  type RequestTraceWorkload,
  scanTrace,
  type TraceLayout,
} from "#workload/request-trace.ts";
import { traceDistance } from "#workload/trace-distance.ts";
import type { TextSource } from "#workload/trace-lines.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";
import { type WindowWorkload, windowDistance, windowProblems } from "#workload/window-replay.ts";

const PIECE_BYTES = 65_536;

/** A file as a text; reading blocks, for as long as a piece takes to come from the page cache. Closed at its end. */
export const openText = (path: string): TextSource & { readonly close: () => void } => {
  const file = openSync(path, "r");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const buffer = new Uint8Array(PIECE_BYTES);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(file);
    isOpen = false;
  };
  return {
    read: () => {
      if (!isOpen) return null;
      const length = readSync(file, buffer);
      if (length > 0) return decoder.decode(buffer.subarray(0, length), { stream: true });
      close();
      return decoder.decode();
    },
    close,
  };
};

/** Why a file could not be read to its end, in words; throws what is a bug. */
export const readingFailure = (path: string, cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA")
    return `${path}: the file is not UTF-8; is it compressed, or of another kind?`;
  // What has no code is no failure of the outside world, but a bug.
  if (!(cause instanceof Error) || typeof code !== "string") throw cause;
  return `${path} cannot be read: ${cause.message}`;
};

/** The trace in a file, or what is wrong with it, in words; `shown` is what the user calls the file. */
export const readRequestTrace = (
  path: string,
  layout: TraceLayout,
  shown = path,
): Result<RequestTrace, string> => {
  try {
    const scanned = scanTrace(layout, () => openText(path));
    return scanned.ok ? scanned : err(formatTraceProblems(shown, scanned.error));
  } catch (cause) {
    return err(readingFailure(shown, cause));
  }
};

/** Workloads that read a file with a row per request along their runs. */
export type ReplayWorkload = RequestTraceWorkload | RecordedWorkload;

export const isReplay = (workload: Workload): workload is ReplayWorkload =>
  workload.arrivals === "trace" || workload.arrivals === "recorded";

/** How a workload's file is to be read. */
export const layoutOf = (workload: ReplayWorkload): TraceLayout =>
  workload.arrivals === "recorded" ? RECORDED_LAYOUT : workload;

/** Identity of a reading: the same file can be read in several ways. */
const keyOf = (workload: ReplayWorkload): string => {
  const { format, column, unit } = layoutOf(workload);
  return JSON.stringify([workload.trace, format, column, unit]);
};

/** The client windows in the files that a name stands for, or what is wrong with them, in words. */
export const readWindows = (name: string): Result<WindowTrace, string> => {
  const texts: { path: string; text: string }[] = [];
  for (const path of expandTraceName(name)) {
    try {
      const bytes = readFileSync(path);
      texts.push({ path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) });
    } catch (cause) {
      return err(readingFailure(path, cause));
    }
  }
  return readWindowTrace(texts);
};

/** Traces of counts, by the name under which a plan has them. */
type CountTraces = ReadonlyMap<string, CountTable>;

/** The traces of a plan, by file and layout. */
export class RequestTraces {
  /** Prepared for the workloads of the plan. */
  readonly #parquet: ParquetTexts;
  readonly #traces = new Map<string, Result<RequestTrace, string>>();
  readonly #windows = new Map<string, Result<WindowTrace, string>>();

  constructor(parquet: ParquetTexts) {
    this.#parquet = parquet;
  }

  /** The trace of a workload, read once however often it is asked for. */
  of(workload: ReplayWorkload): Result<RequestTrace, string> {
    const key = keyOf(workload);
    const known = this.#traces.get(key);
    if (known !== undefined) return known;
    const path =
      workload.arrivals === "trace" ? this.#parquet.pathOf(workload) : ok(workload.trace);
    const read = path.ok ? readRequestTrace(path.value, layoutOf(workload), workload.trace) : path;
    this.#traces.set(key, read);
    return read;
  }

  /** The client windows of a workload, read once however often they are asked for. */
  windowsOf({ trace }: WindowWorkload): Result<WindowTrace, string> {
    const known = this.#windows.get(trace) ?? readWindows(trace);
    this.#windows.set(trace, known);
    return known;
  }

  /** What keeps the runs of a plan from their traces: mistakes of the experiment, and files that cannot be used. */
  judge(plan: Plan): {
    readonly problems: readonly Problem[];
    readonly unusable: readonly string[];
  } {
    const problems = new Map<string, Problem>();
    const unusable = new Set<string>();
    for (const { workload, system } of plan.runs) {
      const judged = this.#judgeOne(workload, countInstances(system.models));
      if (!judged.ok) unusable.add(judged.error);
      else
        for (const problem of judged.value)
          problems.set(`${problem.path}\n${problem.message}`, problem);
    }
    return { problems: [...problems.values()], unusable: [...unusable] };
  }

  #judgeOne(workload: Workload, instances: number): Result<readonly Problem[], string> {
    if (workload.arrivals === "servegen") {
      const windows = this.windowsOf(workload);
      return windows.ok ? ok(windowProblems(workload, windows.value)) : windows;
    }
    if (!isReplay(workload)) return ok([]);
    const trace = this.of(workload);
    if (!trace.ok) return trace;
    return workload.arrivals === "recorded"
      ? ok(recordedProblems(workload, trace.value, instances))
      : ok(replayProblems(workload, trace.value));
  }

  #distanceOf({ workload, seed }: PlannedRun, counts: CountTraces): ScalingDistance | null {
    if (workload.arrivals === "azure-functions-2019") {
      const trace = counts.get(workload.trace);
      return trace === undefined ? null : traceDistance(workload, trace, seed);
    }
    if (workload.arrivals === "servegen") {
      const windows = this.windowsOf(workload);
      return windows.ok ? windowDistance({ workload, trace: windows.value, seed }) : null;
    }
    if (workload.arrivals !== "trace") return null;
    const trace = this.of(workload);
    return trace.ok ? scalingDistance({ workload, trace: trace.value, seed }) : null;
  }

  /** The plan with the distance of each scaled replay from its trace noted. */
  withDistances(plan: Plan, counts: CountTraces): Plan {
    // Runs that differ in the system have the same schedule.
    const known = new Map<string, ScalingDistance | null>();
    const runs = plan.runs.map((run): PlannedRun => {
      const { workload, seed } = run;
      if (!("trace" in workload) || workload.arrivals === "recorded") return run;
      const key = JSON.stringify([workload, seed]);
      const distance = known.get(key) ?? this.#distanceOf(run, counts);
      known.set(key, distance);
      return distance === null ? run : { ...run, workload: { ...workload, distance } };
    });
    return { ...plan, runs };
  }
}
