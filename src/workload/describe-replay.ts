/** The replay of a trace with one row per request in words, for the plan and the report. */
import type { ScalingDistance } from "#experiment/resolved.ts";
import { inSeconds } from "#workload/load-text.ts";
import type { RequestTraceWorkload } from "#workload/request-trace.ts";

/** What each format is called, and what its instants are. */
const FORMATS: Readonly<Record<RequestTraceWorkload["format"], string>> = {
  "azure-functions-2021": "Azure Functions 2021 (an invocation's start: its end less its duration)",
  "azure-llm-2023": "Azure LLM inference 2023 (TIMESTAMP)",
  burstgpt: "BurstGPT (Timestamp)",
  mooncake: "Mooncake (timestamp)",
  csv: "CSV",
  parquet: "Parquet",
};

export const formatText = ({ format, column, unit }: RequestTraceWorkload): string =>
  column === null ? FORMATS[format] : `${FORMATS[format]} (column ${column}, in ${unit})`;

/** Which functions take part when not all do. */
export const sampleText = (sample: number): string =>
  `a sample${sample < 1 ? `: each with probability ${sample}` : ` of ${sample}`}, drawn with the run's seed`;

/** How the replay differs from the trace: "as recorded", or what is scaled. */
export const scalingText = (workload: RequestTraceWorkload): string => {
  const { loadFactor, timeCompression, sampleFunctions } = workload;
  const parts = [
    ...(timeCompression === 1
      ? []
      : [
          `time compressed ${timeCompression}-fold, so all rates are ${timeCompression} times the trace's`,
        ]),
    ...(loadFactor === 1 ? [] : [`each request kept with probability ${loadFactor}`]),
    ...(sampleFunctions === undefined ? [] : [`of the functions ${sampleText(sampleFunctions)}`]),
  ];
  return parts.length === 0 ? "as recorded" : parts.join("; ");
};

/** How far a scaled replay is from its trace. */
export const distanceText = ({ gaps, rateCurve }: ScalingDistance): string =>
  `Kolmogorov-Smirnov distance from the trace ${gaps.toFixed(3)} in the gaps (in units of their mean), ${rateCurve.toFixed(3)} in the rate curve`;

/** Where in the trace the replay begins. */
export const startText = ({ startNs }: RequestTraceWorkload): string =>
  startNs === 0 ? "the trace's first request" : `${inSeconds(startNs)} after its first request`;
