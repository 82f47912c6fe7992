/** Decides what `--resume` does: whether the experiment is still the same, and which runs are kept. */
import { join } from "node:path";
import type { PlannedRun } from "#experiment/resolved.ts";
import { describeFile, fileBytes, readJson } from "#host/file-store.ts";
import type { Transition } from "#host/journal.ts";
import { type ExperimentToRun, runFolders, toStoredPlan } from "#runner/results-folder.ts";
import { FILES, type Manifest, type StoredPlan, type StoredRun } from "#telemetry/results.ts";

/** Differences beyond these are counted, not shown. */
const SHOWN_DIFFERENCES_MAX = 8;

/** A whole run as JSON would bury the other differences. */
const SHOWN_VALUE_LENGTH = 60;

const show = (value: unknown): string => {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > SHOWN_VALUE_LENGTH ? `${text.slice(0, SHOWN_VALUE_LENGTH - 1)}…` : text;
};

/** Paths and values at which two JSON values differ. */
export const differences = (before: unknown, now: unknown, path = ""): readonly string[] => {
  if (Object.is(before, now)) return [];
  const bothObjects =
    typeof before === "object" && before !== null && typeof now === "object" && now !== null;
  if (!bothObjects || Array.isArray(before) !== Array.isArray(now)) {
    return [`${path}: was ${show(before)}, is ${show(now)}`];
  }
  const [left, right] = [before as Record<string, unknown>, now as Record<string, unknown>];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return keys.flatMap((key) =>
    differences(left[key], right[key], path === "" ? key : `${path}.${key}`),
  );
};

/** Why the experiment at hand is not the one that the folder holds; empty when it is. */
export const resumeRefusals = async (
  experiment: ExperimentToRun,
  { folder, manifest }: { readonly folder: string; readonly manifest: Manifest },
): Promise<readonly string[]> => {
  const { plan } = experiment;
  if (manifest.name !== plan.name) {
    return [`it holds results of the experiment "${manifest.name}", not of "${plan.name}"`];
  }
  const stored = (await readJson(join(folder, FILES.plan))) as StoredPlan | null;
  if (stored === null) return [`its ${FILES.plan} is missing`];
  // Through JSON and back, so that both sides lose what JSON cannot hold.
  const current = JSON.parse(JSON.stringify(toStoredPlan(plan))) as StoredPlan;
  const found = differences(stored.plan, current.plan);
  const shown = found.slice(0, SHOWN_DIFFERENCES_MAX);
  const rest = found.length - shown.length;
  return [
    ...shown.map((difference) => `plan.${difference}`),
    ...(rest > 0 ? [`and ${rest} more differences of the plan`] : []),
    ...(await changedInputs(manifest)),
  ];
};

const changedInputs = async (manifest: Manifest): Promise<readonly string[]> => {
  const changed = manifest.inputs.map(async ({ role, path, sha256 }) => {
    if ((await fileBytes(path)) === null) return [`the ${role} ${path} is gone`];
    const facts = await describeFile(path);
    return facts.sha256 === sha256 ? [] : [`the content of the ${role} ${path} changed`];
  });
  return (await Promise.all(changed)).flat();
};

export interface RunDecision {
  readonly run: PlannedRun;
  readonly kept: boolean;
  /** Why it is kept or done (again), for the user. */
  readonly reason: string;
  /** Number of the attempt that is kept or about to begin. */
  readonly attempt: number;
}

const damage = async (folder: string, stored: StoredRun): Promise<string | null> => {
  for (const file of stored.files) {
    const bytes = await fileBytes(join(folder, file.path));
    if (bytes === null) return `${file.path} is missing`;
    if (bytes !== file.bytes) return `${file.path} has ${bytes} bytes instead of ${file.bytes}`;
  }
  return null;
};

/** Keeps a run only if the journal, `run.json` and the files agree that it is done. */
export const decideRun = async (
  run: PlannedRun,
  folder: string,
  latest: Transition | undefined,
): Promise<RunDecision> => {
  const attempt = latest?.attempt ?? 0;
  const again = (reason: string): RunDecision => ({
    run,
    kept: false,
    reason,
    attempt: attempt + 1,
  });
  if (latest === undefined || latest.state === "planned") return again("it was not started");
  if (latest.state === "failed" || latest.state === "interrupted") {
    return again(`it ${latest.state === "failed" ? "failed" : "was interrupted"}`);
  }
  if (latest.state !== "done") return again(`its runner ended while it was ${latest.state}`);
  const runFolder = runFolders(folder, run.name).run;
  const stored = (await readJson(join(runFolder, FILES.run)).catch(() => null)) as StoredRun | null;
  if (stored?.state !== "done" || !Array.isArray(stored.files))
    return again(`its ${FILES.run} does not say that it is done`);
  const damaged = await damage(runFolder, stored);
  return damaged === null ? { run, kept: true, reason: "it is done", attempt } : again(damaged);
};
