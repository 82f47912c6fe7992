/** What the workers have told of themselves and of the models they hold. */
import type { ModelInfo, WorkerModel, WorkerState } from "#serving/messages.ts";

/** A worker's place in the table; null once it is gone. */
type Entry = {
  readonly state: WorkerState;
  readonly models: Map<number, WorkerModel>;
} | null;

/** One simulated worker of the original reports the size of a page as its number of pages; weights tell better. */
const repairPages = (model: WorkerModel, pageSizeBytes: number): WorkerModel =>
  model.weightsPages === pageSizeBytes
    ? { ...model, weightsPages: Math.ceil(model.weightsBytes / pageSizeBytes) }
    : model;

export class WorkerTable {
  readonly #entries: Entry[] = [];

  set(worker: number, state: WorkerState): void {
    const models = state.models.map((model) => repairPages(model, state.pageSizeBytes));
    this.#entries[worker] = { state, models: new Map(models.map((m) => [m.modelId, m])) };
  }

  remove(worker: number): void {
    this.#entries[worker] = null;
  }

  addModel(worker: number, model: WorkerModel): void {
    this.#entries[worker]?.models.set(model.modelId, model);
  }

  /** States by worker index, null for those that are gone. */
  states(): readonly (WorkerState | null)[] {
    return this.#entries.map((entry) => entry?.state ?? null);
  }

  /** Null when there is none, or workers disagree. */
  pageSizeBytes(): number | null {
    const sizes = new Set(this.#alive().map(({ state }) => state.pageSizeBytes));
    return sizes.size === 1 ? ([...sizes][0] as number) : null;
  }

  highestModelId(): number {
    return Math.max(-1, ...this.#alive().flatMap(({ models }) => [...models.keys()]));
  }

  hasModel(modelId: number): boolean {
    return this.#alive().some(({ models }) => models.has(modelId));
  }

  /** Models of one worker, ascending by id. */
  modelsOf(worker: number): readonly WorkerModel[] {
    const models = [...(this.#entries[worker]?.models.values() ?? [])];
    return models.sort((a, b) => a.modelId - b.modelId);
  }

  /** Models that every worker holds, as the first one describes them, and the ids of those that some lack. */
  commonModels(): {
    readonly models: readonly WorkerModel[];
    readonly missing: readonly number[];
  } {
    const alive = this.#alive();
    const known = new Map(alive.toReversed().flatMap(({ models }) => [...models]));
    const ids = [...known.keys()].sort((a, b) => a - b);
    const isCommon = (id: number): boolean => alive.every(({ models }) => models.has(id));
    return {
      models: ids.filter(isCommon).map((id) => known.get(id) as WorkerModel),
      missing: ids.filter((id) => !isCommon(id)),
    };
  }

  #alive(): readonly NonNullable<Entry>[] {
    return this.#entries.filter((entry) => entry !== null && entry !== undefined);
  }
}

export const toModelInfo = (model: WorkerModel): ModelInfo => ({
  modelId: model.modelId,
  path: model.path,
  inputBytes: model.inputBytes,
  outputBytes: model.outputBytes,
});
