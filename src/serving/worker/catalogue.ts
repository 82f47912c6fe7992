/** What a worker can find out about a model by its path: its profile, or why it cannot be loaded. */
import type { Nanos } from "#stdx/nanos.ts";

/** Sizes of one request and of the weights, and how long a GPU takes. */
export interface ModelProfile {
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightsBytes: number;
  readonly weightsLoadNs: Nanos;
  /** Ascending, beginning with 1. */
  readonly batchSizes: readonly number[];
  /** Parallel to `batchSizes`. */
  readonly execNs: readonly Nanos[];
}

export type CatalogueEntry =
  | { readonly ok: true; readonly profile: ModelProfile }
  | { readonly ok: false; readonly status: number; readonly message: string };

/** All models that a worker could load, by the path that the controller sends. */
export interface ModelCatalogue {
  find(path: string): CatalogueEntry;
}
