/** A model as the scheduler knows it: its profile, what was learnt of it, and where its weights are. */
import { ExecEstimator, LoadEstimator, usableBatches } from "#serving/controller/exec-estimator.ts";
import type { SchedulerOptions } from "#serving/controller/options.ts";
import type { WorkerModel } from "#serving/messages.ts";
import { printable } from "#serving/printable.ts";
import type { Nanos } from "#stdx/nanos.ts";

export class Model {
  readonly modelId: number;
  /** Dense, 0-based; ids may have holes where loads failed. */
  readonly index: number;
  readonly path: string;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly weightsPages: number;
  readonly exec: ExecEstimator;
  readonly load: LoadEstimator;
  /** Profiled time of one request; scales SLO factors and never changes. */
  readonly singleExec: Nanos;
  /** Requests that wait in the strategy's queue; what the action log calls requests_queued. */
  requestsQueued = 0;
  #copies = 0;
  readonly #copiesOfWorker: Uint16Array;
  #workers = 0;

  constructor(
    info: WorkerModel,
    place: { readonly index: number; readonly workerCount: number },
    exec: ExecEstimator,
  ) {
    const { index, workerCount } = place;
    this.modelId = info.modelId;
    this.index = index;
    this.path = info.path;
    this.inputBytes = info.inputBytes;
    this.outputBytes = info.outputBytes;
    this.weightsPages = info.weightsPages;
    this.exec = exec;
    this.load = new LoadEstimator(info.weightsLoadNs);
    this.singleExec = exec.estimate(1);
    this.#copiesOfWorker = new Uint16Array(workerCount);
  }

  /** GPUs that hold the weights. */
  get copies(): number {
    return this.#copies;
  }

  /** Workers of which at least one GPU holds the weights. */
  get workers(): number {
    return this.#workers;
  }

  gained(worker: number): void {
    this.#copies++;
    const before = this.#copiesOfWorker[worker] as number;
    this.#copiesOfWorker[worker] = before + 1;
    if (before === 0) this.#workers++;
  }

  lost(worker: number): void {
    this.#copies--;
    const after = (this.#copiesOfWorker[worker] as number) - 1;
    this.#copiesOfWorker[worker] = after;
    if (after === 0) this.#workers--;
  }
}

/** Builds the scheduler's models from a worker's, naming batch sizes and models that cannot be used. */
export const buildModels = (
  infos: readonly WorkerModel[],
  options: SchedulerOptions,
  context: { readonly workerCount: number; readonly print: (line: string) => void },
): readonly Model[] => {
  const models: Model[] = [];
  for (const info of infos) {
    const profile = info.batchSizes.map((batchSize, i) => ({
      batchSize,
      execNs: info.execNs[i] ?? (0 as Nanos),
    }));
    const { kept, excluded } = usableBatches(profile, options);
    for (const { batchSize, execNs } of excluded) {
      // The missing blank is the original's, which scripts may look for.
      context.print(`Excluding b${batchSize} with estimate ${execNs}model=${printable(info.path)}`);
    }
    if (kept.length === 0) {
      context.print(
        `Model ${info.modelId} has no usable batch size and is left out: ${printable(info.path)}`,
      );
      continue;
    }
    const place = { index: models.length, workerCount: context.workerCount };
    models.push(new Model(info, place, new ExecEstimator(kept)));
  }
  return models;
};
