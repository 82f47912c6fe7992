/** One GPU's memory for weights: fixed pages, and which models hold theirs. */

/** Whether a model's weights are there; `version` changes whenever they may have. */
export interface Weights {
  readonly version: number;
  readonly isResident: boolean;
}

interface Slot {
  version: number;
  isResident: boolean;
  /** Held from the start of loading until eviction; 0 when none. */
  pages: number;
}

/** Pages are never taken from another model: the controller decides what goes. */
export class GpuMemory {
  readonly totalPages: number;
  #freePages: number;
  readonly #slots = new Map<number, Slot>();

  constructor(totalPages: number) {
    this.totalPages = totalPages;
    this.#freePages = totalPages;
  }

  get freePages(): number {
    return this.#freePages;
  }

  /** Ids of models whose weights are there, ascending. */
  get residentModels(): readonly number[] {
    const resident = [...this.#slots].filter(([, slot]) => slot.isResident).map(([id]) => id);
    return resident.toSorted((a, b) => a - b);
  }

  weightsOf(modelId: number): Weights {
    const slot = this.#slots.get(modelId);
    return slot ?? { version: 0, isResident: false };
  }

  /** Reserves pages, unless the model has its own already; false when too few are free. A new version either way. */
  beginLoad(modelId: number, pages: number): boolean {
    const slot = this.#slotOf(modelId);
    slot.version += 1;
    if (slot.pages > 0) return true;
    if (pages > this.#freePages) return false;
    this.#freePages -= pages;
    slot.pages = pages;
    return true;
  }

  /** Makes loaded weights usable. */
  completeLoad(modelId: number): void {
    this.#slotOf(modelId).isResident = true;
  }

  /** Frees the pages of weights that could not be loaded, and forgets older ones that they were to replace. */
  abandonLoad(modelId: number): void {
    this.#release(this.#slotOf(modelId));
  }

  /** Frees the model's pages; false when its weights were not there. */
  evict(modelId: number): boolean {
    const slot = this.#slots.get(modelId);
    if (slot === undefined || !slot.isResident) return false;
    this.#release(slot);
    return true;
  }

  /** Drops everything, loads in progress included. */
  clear(): void {
    for (const slot of this.#slots.values()) this.#release(slot);
  }

  #release(slot: Slot): void {
    this.#freePages += slot.pages;
    slot.pages = 0;
    slot.isResident = false;
    slot.version += 1;
  }

  #slotOf(modelId: number): Slot {
    const found = this.#slots.get(modelId);
    if (found !== undefined) return found;
    const slot: Slot = { version: 0, isResident: false, pages: 0 };
    this.#slots.set(modelId, slot);
    return slot;
  }
}
