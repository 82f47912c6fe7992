/** The original's `.measurements` profiles: how long a model's weights take to load, and its batches to execute. */
import { describeValue, parseLibconfig, type Setting } from "#serving/worker/libconfig.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface Measurements {
  readonly weightsLoadNs: Nanos;
  /** By batch size; the others are not known. */
  readonly execNs: ReadonlyMap<number, Nanos>;
}

const BATCH = /^b([1-9]\d*)$/;

const durationOf = ({ name, line, value }: Setting): Result<Nanos, string> => {
  const duration = value.kind === "whole" ? Number(value.value) : -1;
  if (duration >= 0 && Number.isSafeInteger(duration)) return ok(ns(duration));
  const due = "a whole number of nanoseconds, such as 8310000L";
  return err(`line ${line}: ${name} is ${describeValue(value)}; due is ${due}`);
};

/** Reads a profile; fails with "line N: …" for each mistake. Other settings in it are let pass, as the original does. */
export const parseMeasurements = (text: string): Result<Measurements, readonly string[]> => {
  const parsed = parseLibconfig(text);
  if (!parsed.ok) return err([parsed.error]);
  const problems: string[] = [];
  const execNs = new Map<number, Nanos>();
  let weightsLoadNs: Nanos | null = null;
  for (const setting of parsed.value) {
    const size = BATCH.exec(setting.name)?.[1];
    if (size === undefined && setting.name !== "weights") continue;
    const duration = durationOf(setting);
    if (!duration.ok) problems.push(duration.error);
    else if (size === undefined) weightsLoadNs = duration.value;
    else execNs.set(Number(size), duration.value);
  }
  // The original goes on with whatever was in its memory.
  const isMissing = !parsed.value.some(({ name }) => name === "weights");
  if (isMissing) problems.push("the setting weights is missing: weights = 8310000L;");
  if (problems.length > 0 || weightsLoadNs === null) return err(problems);
  return ok({ weightsLoadNs, execNs });
};
