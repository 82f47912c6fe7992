/** What the workers have told of themselves and of the models they hold. */
import type { ModelInfo, WorkerModel, WorkerState } from "#serving/messages.ts";

/** A worker's place in the table. */
interface Entry {
  readonly state: WorkerState;
  readonly models: Map<number, WorkerModel>;
  isGone: boolean;
}

/** A model that not all workers can serve alike. */
export interface LeftOut {
  readonly modelId: number;
  readonly reason: string;
}

/** One simulated worker of the original reports the size of a page as its number of pages; weights tell better. */
export const repairPages = (model: WorkerModel, pageSizeBytes: number): WorkerModel =>
  model.weightsPages === pageSizeBytes
    ? { ...model, weightsPages: Math.ceil(model.weightsBytes / pageSizeBytes) }
    : model;

export class WorkerTable {
  readonly #entries: Entry[] = [];

  set(worker: number, state: WorkerState): void {
    const models = state.models.map((model) => repairPages(model, state.pageSizeBytes));
    const byId = new Map(models.map((model) => [model.modelId, model]));
    this.#entries[worker] = { state, models: byId, isGone: false };
  }

  /** What it has told is kept, in case that it comes back. */
  remove(worker: number): void {
    const entry = this.#entries[worker];
    if (entry !== undefined) entry.isGone = true;
  }

  /** Its weights are no longer on its GPUs. */
  clear(worker: number): void {
    const entry = this.#entries[worker];
    if (entry === undefined) return;
    const gpus = entry.state.gpus.map((gpu) => ({ ...gpu, residentModels: [] }));
    this.#entries[worker] = { ...entry, state: { ...entry.state, gpus } };
  }

  addModel(worker: number, model: WorkerModel): void {
    this.#entries[worker]?.models.set(model.modelId, model);
  }

  /** States by worker index, null for those that are gone. */
  states(): readonly (WorkerState | null)[] {
    return this.#entries.map((entry) => (entry.isGone ? null : entry.state));
  }

  /** The same, with those that are gone as they were. */
  lastStates(): readonly WorkerState[] {
    return this.#entries.map(({ state }) => state);
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

  /** Models that every worker holds alike, as the first one describes them, and the others. */
  commonModels(): {
    readonly models: readonly WorkerModel[];
    readonly leftOut: readonly LeftOut[];
  } {
    const alive = this.#alive();
    const known = new Map(alive.toReversed().flatMap(({ models }) => [...models]));
    const models: WorkerModel[] = [];
    const leftOut: LeftOut[] = [];
    for (const [modelId, model] of [...known].sort(([a], [b]) => a - b)) {
      const signatures = new Set(
        alive.map((entry) => signatureOf(entry.models.get(modelId) ?? null)),
      );
      if (signatures.size === 1) models.push(model);
      else if (signatures.has(signatureOf(null))) {
        leftOut.push({ modelId, reason: "is not on every worker" });
      } else leftOut.push({ modelId, reason: "is not the same on every worker" });
    }
    return { models, leftOut };
  }

  #alive(): readonly Entry[] {
    return this.#entries.filter((entry) => !entry.isGone);
  }
}

/** What workers must agree on to serve one model; how many bytes weights have is told before or after they are paged. */
const signatureOf = (model: WorkerModel | null): string =>
  model === null
    ? ""
    : JSON.stringify([
        model.path,
        model.inputBytes,
        model.outputBytes,
        model.batchSizes,
        model.weightsPages,
      ]);

export const toModelInfo = (model: WorkerModel): ModelInfo => ({
  modelId: model.modelId,
  path: model.path,
  inputBytes: model.inputBytes,
  outputBytes: model.outputBytes,
});
