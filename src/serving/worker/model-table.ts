/** The models that a worker has loaded from disk, by id; they exist on all of its GPUs. */
import type { WorkerModel } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import type { ModelCatalogue, ModelProfile } from "#serving/worker/catalogue.ts";
import type { Failure } from "#serving/worker/events.ts";
import type { LoadModel } from "#serving/worker/held-action.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";
import { err, ok, type Result } from "#stdx/result.ts";

/** More copies than this in one load is a mistake, and would fill the memory. */
const COPIES_MAX = 100_000;
/** Ids are int32 on the wire, and unsigned in lists of resident models. */
const MODEL_ID_MAX = 2 ** 31 - 1;

export class ModelTable {
  readonly #catalogue: ModelCatalogue;
  readonly #pageSizeBytes: number;
  readonly #models = new Map<number, WorkerModel>();

  constructor(catalogue: ModelCatalogue, pageSizeBytes: number) {
    this.#catalogue = catalogue;
    this.#pageSizeBytes = pageSizeBytes;
  }

  get(modelId: number): WorkerModel | undefined {
    return this.#models.get(modelId);
  }

  /** All models, by ascending id. */
  list(): readonly WorkerModel[] {
    return [...this.#models.values()].toSorted((a, b) => a.modelId - b.modelId);
  }

  /** Adds all copies or none; returns the first, and how long its files took to read. */
  load(
    action: LoadModel,
  ): Result<{ readonly model: WorkerModel; readonly readNs: Nanos }, Failure> {
    const { modelId, path, copies } = action;
    if (copies < 1 || copies > COPIES_MAX) {
      const message = `${copies} copies are not between 1 and ${COPIES_MAX}`;
      return err({ status: STATUS.RUNTIME_ERROR, message });
    }
    if (modelId < 0 || modelId + copies - 1 > MODEL_ID_MAX) {
      const message = `model ids ${modelId} to ${modelId + copies - 1} are not between 0 and ${MODEL_ID_MAX}`;
      return err({ status: STATUS.RUNTIME_ERROR, message });
    }
    for (let id = modelId; id < modelId + copies; id++) {
      if (this.#models.has(id)) {
        return err({ status: STATUS.MODEL_ID_IN_USE, message: `model id ${id} is in use` });
      }
    }
    const found = this.#catalogue.find(path);
    if (!found.ok) return err({ status: found.status, message: found.message });
    const unfit = this.#refusePaging(found.profile);
    if (unfit !== null) return err({ status: STATUS.BAD_MODEL_PATH, message: unfit });
    const first = this.#toModel(action, found.profile);
    if (first.batchSizes.length === 0) {
      const message = `No valid batch sizes found for ${path}: at most ${action.maxBatchSize} are asked for`;
      return err({ status: STATUS.BAD_MODEL_PATH, message });
    }
    for (let id = modelId; id < modelId + copies; id++) {
      this.#models.set(id, { ...first, modelId: id });
    }
    return ok({ model: first, readNs: found.readNs ?? ZERO_NS });
  }

  /** The original's worker aborts where a model was compiled for pages of another size. */
  #refusePaging({ paging }: ModelProfile): string | null {
    if (paging === undefined || paging.pageSizeBytes === this.#pageSizeBytes) return null;
    return `the model has pages of ${paging.pageSizeBytes} bytes, this worker of ${this.#pageSizeBytes}`;
  }

  #toModel(
    { modelId, path, maxBatchSize, maxExecNs }: LoadModel,
    profile: ModelProfile,
  ): WorkerModel {
    // Batch 1 stays even if it takes too long: a model without any batch size would be of no use.
    const isKept = (size: number, index: number): boolean =>
      size <= maxBatchSize && (size === 1 || (profile.execNs[index] ?? 0) <= maxExecNs);
    return {
      modelId,
      path,
      inputBytes: profile.inputBytes,
      outputBytes: profile.outputBytes,
      batchSizes: profile.batchSizes.filter(isKept),
      weightsBytes: profile.weightsBytes,
      weightsPages: profile.paging?.pages ?? Math.ceil(profile.weightsBytes / this.#pageSizeBytes),
      weightsLoadNs: profile.weightsLoadNs,
      execNs: profile.execNs.filter((_, index) => isKept(profile.batchSizes[index] ?? 0, index)),
    };
  }
}
