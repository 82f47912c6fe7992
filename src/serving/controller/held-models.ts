/** Models that the workers held before: a load of their path is answered with them, each once. */
import type { WorkerModel } from "#serving/messages.ts";

export class HeldModels {
  /** Those that no load has been answered with, ascending by id. */
  #free: readonly WorkerModel[];

  constructor(models: readonly WorkerModel[]) {
    this.#free = models.toSorted((a, b) => a.modelId - b.modelId);
  }

  /** Takes the first run of so many consecutive ids of the path and returns its first; null when there is none. */
  take(path: string, copies: number): WorkerModel | null {
    let start = 0;
    for (const [index, model] of this.#free.entries()) {
      const isNext = model.modelId === (this.#free[index - 1]?.modelId ?? Number.NaN) + 1;
      if (model.path !== path) start = index + 1;
      else if (!isNext) start = index;
      if (index + 1 - start < copies) continue;
      const first = this.#free[start] ?? null;
      this.#free = [...this.#free.slice(0, start), ...this.#free.slice(index + 1)];
      return first;
    }
    return null;
  }
}
