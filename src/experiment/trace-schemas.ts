/** The keys of workloads that replay files, as schemas. */
import { key, maybe } from "#experiment/key-schema.ts";
import {
  choice,
  duration,
  factor,
  fraction,
  shareOrCount,
  text,
  whole,
} from "#experiment/reading.ts";

/** Formats of traces with a row per request, as `workload.format` names them. */
const TRACE_FORMATS = [
  "azure-functions-2021",
  "azure-llm-2023",
  "burstgpt",
  "mooncake",
  "csv",
  "parquet",
] as const;

export const azureFunctions2019 = {
  trace: key(text({ due: "the path of a CSV file", lengthMax: 4096 })),
  startMinute: maybe(
    whole({ least: 0, most: 1_000_000, of: "a minute as the trace's header names it" }),
  ),
  loadFactor: maybe(factor("load factor")),
  timeCompression: maybe(factor("trace time per experiment time")),
  placement: maybe(choice("placement", ["even", "uniform", "poisson"])),
  sampleFunctions: maybe(shareOrCount("functions")),
};

export const requestTrace = {
  trace: key(text({ due: "the path of a trace file", lengthMax: 4096 })),
  format: key(choice("trace format", TRACE_FORMATS)),
  column: maybe(text({ due: "the name of the column of instants", lengthMax: 200 })),
  unit: maybe(choice("unit of time", ["s", "ms", "us", "ns"])),
  start: maybe(duration("zero")),
  loadFactor: maybe(fraction("share of the requests that are kept", "positive")),
  sampleFunctions: maybe(shareOrCount("functions")),
  timeCompression: maybe(factor("trace time per experiment time")),
};

export const servegen = {
  trace: key(text({ due: "the path of the clients' files", lengthMax: 4096 })),
  start: maybe(duration("zero")),
  loadFactor: maybe(factor("load factor")),
  timeCompression: maybe(factor("trace time per experiment time")),
};

export const recorded = {
  trace: key(text({ due: "the path of a recorded schedule", lengthMax: 4096 })),
};
