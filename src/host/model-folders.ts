/** The original's model zoo: one folder per model, read when a controller asks for the model by its path. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { type ModelSpec, parseModelSpec } from "#host/model-spec.ts";
import { STATUS } from "#serving/status.ts";
import type { CatalogueEntry, ModelCatalogue, ModelProfile } from "#serving/worker/catalogue.ts";
import { type Measurements, parseMeasurements } from "#serving/worker/measurements.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";

interface Failure {
  readonly status: number;
  readonly message: string;
}

/** Larger files are neither a compiled model nor a profile: theirs have some kilobytes. */
const FILE_BYTES_MAX = 64 * 2 ** 20;
/** Batches double from 1; no model is compiled for more. */
const BATCH_MAX = 2 ** 20;

const unusable = (message: string): Result<never, Failure> =>
  err({ status: STATUS.BAD_MODEL_PATH, message });

const readBytes = (path: string): Result<Uint8Array, Failure> => {
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) return unusable(`${path} has ${size} bytes, too many for its kind`);
    return ok(readFileSync(path));
  } catch (error) {
    return unusable(`${path} cannot be read: ${(error as Error).message}`);
  }
};

/** Batch sizes that have both of their files: 1, 2, 4, … to the first that lacks one. */
const batchSizesOf = (prefix: string): readonly number[] => {
  const sizes: number[] = [];
  for (let size = 1; size <= BATCH_MAX; size *= 2) {
    // What is in the library does not matter to a simulated GPU.
    const isThere = [".so", ".clockwork"].every((end) => existsSync(`${prefix}.${size}${end}`));
    if (!isThere) break;
    sizes.push(size);
  }
  return sizes;
};

const readSpec = (path: string): Result<ModelSpec, Failure> => {
  const bytes = readBytes(path);
  if (!bytes.ok) return bytes;
  const spec = parseModelSpec(bytes.value);
  return spec.ok ? spec : unusable(`${path}: ${spec.error}`);
};

const readMeasurements = (prefix: string): Result<Measurements, Failure> => {
  const path = `${prefix}.measurements`;
  if (!existsSync(path)) {
    return err({ status: STATUS.UNKNOWN_MODEL, message: `No measurements file for ${prefix}` });
  }
  const bytes = readBytes(path);
  if (!bytes.ok) return bytes;
  const parsed = parseMeasurements(new TextDecoder().decode(bytes.value));
  if (parsed.ok) return parsed;
  return unusable(parsed.error.map((problem) => `${path}: ${problem}`).join("; "));
};

const toProfile = (
  spec: ModelSpec,
  batchSizes: readonly number[],
  measured: Measurements,
): ModelProfile => ({
  inputBytes: spec.inputBytes,
  outputBytes: spec.outputBytes,
  weightsBytes: spec.weightsBytes,
  paging: { pageSizeBytes: spec.pageSizeBytes, pages: spec.weightsPages },
  weightsLoadNs: measured.weightsLoadNs,
  batchSizes,
  execNs: batchSizes.map((size) => measured.execNs.get(size) ?? ns(0)),
});

/** Reads the model whose files begin with `prefix`, as "/zoo/resnet50_v2/model". */
const readModel = (prefix: string): Result<ModelProfile, Failure> => {
  const batchSizes = batchSizesOf(prefix);
  if (batchSizes.length === 0) return unusable(`No valid batch sizes found for ${prefix}`);
  const measurements = readMeasurements(prefix);
  if (!measurements.ok) return measurements;
  const spec = readSpec(`${prefix}.1.clockwork`);
  return spec.ok ? ok(toProfile(spec.value, batchSizes, measurements.value)) : spec;
};

export interface ModelFolders {
  /** Names of folders whose model can be loaded, sorted. */
  readonly models: readonly string[];
  /** Why the other folders' models cannot be. */
  readonly problems: readonly string[];
}

/** Finds models by the path that a controller sends, below one folder: peers name files, and others are not theirs. */
export class FolderCatalogue implements ModelCatalogue {
  readonly #root: string;
  readonly #now: () => Nanos;

  constructor(root: string, now: () => Nanos) {
    this.#root = resolve(root);
    this.#now = now;
  }

  find(path: string): CatalogueEntry {
    const begin = this.#now();
    const prefix = resolve(this.#root, path);
    const inside = relative(this.#root, prefix);
    if (path.includes("\0") || inside === "" || inside.startsWith("..") || isAbsolute(inside)) {
      const message = `No valid batch sizes found for ${path}: it is not below ${this.#root}`;
      return { ok: false, status: STATUS.BAD_MODEL_PATH, message };
    }
    const read = readModel(prefix);
    if (!read.ok) return { ok: false, ...read.error };
    return { ok: true, profile: read.value, readNs: ns(this.#now() - begin) };
  }

  /** Looks at every folder of the zoo, as `<name>/model`. */
  list(): ModelFolders {
    const names = readdirSync(this.#root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .toSorted();
    const models: string[] = [];
    const problems: string[] = [];
    for (const name of names) {
      const found = this.find(join(this.#root, name, "model"));
      if (found.ok) models.push(name);
      else problems.push(found.message);
    }
    return { models, problems };
  }
}
