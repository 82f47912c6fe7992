/** What a worker can find out about a model by its path: its profile, or why it cannot be loaded. */
import type { Nanos } from "#stdx/nanos.ts";

/** Sizes of one request and of the weights, and how long a GPU takes. */
export interface ModelProfile {
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightsBytes: number;
  /** How the model's compiler laid its weights out; absent when they fill pages of any size without gaps. */
  readonly paging?: { readonly pageSizeBytes: number; readonly pages: number };
  readonly weightsLoadNs: Nanos;
  /** Ascending, beginning with 1. */
  readonly batchSizes: readonly number[];
  /** Parallel to `batchSizes`; 0 where it is not known. */
  readonly execNs: readonly Nanos[];
}

export type CatalogueEntry =
  | {
      readonly ok: true;
      readonly profile: ModelProfile;
      /** How long it took to read, where it had to be. */
      readonly readNs?: Nanos;
    }
  | { readonly ok: false; readonly status: number; readonly message: string };

/** All models that a worker could load, by the path that the controller sends. */
export interface ModelCatalogue {
  find(path: string): CatalogueEntry;
}
