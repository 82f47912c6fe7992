/** One day of the published trace Azure Functions 2019, by the names that its files were published under. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { openText, readingFailure } from "#cli/trace-files.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { AzureTraceReader, type TraceFunction } from "#workload/azure-trace.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";

const DAY_MINUTES = 1440;

const fileNames = (day: number): readonly string[] => {
  const number = String(day).padStart(2, "0");
  return ["svls.anon", "anon"].map((kind) => `invocations_per_function_md.${kind}.d${number}.csv`);
};

const readDay = (path: string): Result<readonly TraceFunction[], string> => {
  const reader = new AzureTraceReader();
  try {
    const text = openText(path);
    for (let piece = text.read(); piece !== null && !reader.isHopeless; piece = text.read())
      reader.push(piece);
    text.close();
  } catch (cause) {
    return err(`cannot use its trace: ${readingFailure(path, cause)}`);
  }
  const read = reader.finish();
  if (!read.ok) return err(`cannot use its trace:\n${formatTraceProblems(path, read.error)}`);
  const { minuteCount, functions } = read.value;
  if (minuteCount === DAY_MINUTES) return ok(functions);
  return err(`cannot use its trace ${path}: it has ${minuteCount} minutes, not ${DAY_MINUTES}`);
};

/** Reads days from `--trace-dir`, or the folder that the environment names. */
export const azureDays =
  (traceDir: string | undefined, { cwd, env }: CliContext) =>
  (day: number): Result<readonly TraceFunction[], string> => {
    const named = traceDir ?? env["AZURE_TRACE_DIR"] ?? "";
    if (named === "")
      return err("needs a trace: name its folder with --trace-dir or in AZURE_TRACE_DIR");
    const folder = resolve(cwd, named);
    const names = fileNames(day);
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return readDay(found);
    return err(`needs a trace: there is neither ${names.join(" nor ")} in ${folder}`);
  };
