/** A results folder while it is being written: creates it, opens it again, and says where everything lies. */
import { join } from "node:path";
import type { Plan } from "#experiment/resolved.ts";
import {
  describeFile,
  folderExists,
  makeNewFolder,
  probeWritable,
  readJson,
  writeJson,
  writeWhole,
} from "#host/file-store.ts";
import { type CodeFacts, readHostFacts } from "#host/host-facts.ts";
import { newResultsId } from "#runner/results-id.ts";
import type { RunFolders } from "#runner/role-commands.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import { toStoredKeys } from "#stdx/stored-keys.ts";
import {
  FILES,
  type Manifest,
  RESULTS_SCHEMA_VERSION,
  type StoredPlan,
} from "#telemetry/results.ts";

/** Uncommitted changes of the code that produced the results; beside the manifest, which has its hash. */
export const DIFF_FILE = "source.diff";
/** Holds earlier attempts of runs that were done again, out of sight of the analysis. */
export const SUPERSEDED_FOLDER = "superseded";

/** An experiment that was loaded and planned. */
export interface ExperimentToRun {
  readonly plan: Plan;
  /** Absolute path of the experiment file. */
  readonly path: string;
  readonly source: string;
  readonly sha256: string;
  /** With overrides in place. */
  readonly spec: unknown;
  readonly overrides: readonly { readonly path: string; readonly value: string }[];
  /** The folder that the user was in. */
  readonly cwd: string;
  readonly inputs: readonly { readonly role: string; readonly path: string }[];
}

export interface ResultsFolder {
  readonly id: string;
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export interface CreateOptions {
  readonly experiment: ExperimentToRun;
  /** Folder of all results; created if it does not exist. */
  readonly root: string;
  readonly target: string;
  readonly code: CodeFacts;
  readonly nowNs: bigint;
  readonly random: () => number;
}

const describeInputs = (experiment: ExperimentToRun): Promise<Manifest["inputs"]> =>
  Promise.all(
    experiment.inputs.map(async ({ role, path }) => {
      const { bytes, sha256 } = await describeFile(path);
      return { role, path, bytes, sha256 };
    }),
  );

export const toStoredPlan = (plan: Plan): StoredPlan => ({
  schema_version: RESULTS_SCHEMA_VERSION,
  plan: toStoredKeys(plan),
});

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Creates the folder with manifest and plan; the error says why it cannot be written to. */
export const createResultsFolder = async (
  options: CreateOptions,
): Promise<Result<ResultsFolder, string>> => {
  const { experiment, root, code, nowNs } = options;
  const { plan } = experiment;
  const id = newResultsId(nowNs, options.random);
  const folder = join(root, plan.name, id);
  try {
    await probeWritable(root);
    await makeNewFolder(folder);
    const manifest: Manifest = {
      schema_version: RESULTS_SCHEMA_VERSION,
      id,
      name: plan.name,
      title: plan.title,
      question: plan.question,
      created_ns: String(nowNs),
      ended_ns: null,
      experiment: {
        path: experiment.path,
        sha256: experiment.sha256,
        source: experiment.source,
        spec: experiment.spec,
        overrides: experiment.overrides,
        cwd: experiment.cwd,
      },
      seed: plan.seed,
      target: options.target,
      escapement: code.escapement,
      host: readHostFacts(),
      inputs: await describeInputs(experiment),
    };
    await writeJson(join(folder, FILES.plan), toStoredPlan(plan));
    if (code.diff !== "") await writeWhole(join(folder, DIFF_FILE), code.diff);
    await writeJson(join(folder, FILES.manifest), manifest);
    return ok({ id, folder, manifest });
  } catch (error) {
    return err(`results cannot be written to ${folder}: ${messageOf(error)}`);
  }
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What resuming needs of a manifest; a file that was cut off or edited may have anything else. */
const isManifest = (value: unknown): value is Manifest =>
  isRecord(value) &&
  typeof value["id"] === "string" &&
  typeof value["name"] === "string" &&
  isRecord(value["escapement"]) &&
  Array.isArray(value["inputs"]) &&
  isRecord(value["experiment"]) &&
  Array.isArray(value["experiment"]["overrides"]);

/** Opens a folder that an earlier runner created; the error says why it is none. */
export const openResultsFolder = async (folder: string): Promise<Result<ResultsFolder, string>> => {
  if (!(await folderExists(folder))) return err(`there is no results folder ${folder}`);
  try {
    const manifest = await readJson(join(folder, FILES.manifest));
    if (manifest === null)
      return err(`${folder} is no results folder: it has no ${FILES.manifest}`);
    const version = isRecord(manifest) ? Number(manifest["schema_version"]) : 0;
    if (version > RESULTS_SCHEMA_VERSION)
      return err(`${folder} was written by a newer version (schema ${version})`);
    if (!isManifest(manifest)) return err(`${join(folder, FILES.manifest)} is damaged`);
    const plan = await readJson(join(folder, FILES.plan));
    if (plan === null) return err(`${folder} cannot be resumed: its ${FILES.plan} is missing`);
    if (!isRecord(plan) || !isRecord(plan["plan"]))
      return err(`${join(folder, FILES.plan)} is damaged`);
    await probeWritable(folder);
    return ok({ id: manifest.id, folder, manifest });
  } catch (error) {
    return err(`${folder} cannot be used: ${messageOf(error)}`);
  }
};

export const runFolders = (folder: string, runName: string): RunFolders => {
  const run = join(folder, FILES.runs, runName);
  return {
    run,
    telemetry: join(run, FILES.telemetry),
    logs: join(run, FILES.logs),
    plan: join(folder, FILES.plan),
  };
};
