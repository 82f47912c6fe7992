/** Models and requests for tests of the controller's parts, without a controller around them. */
import type { BatchProfile } from "#serving/controller/exec-estimator.ts";
import { ExecEstimator } from "#serving/controller/exec-estimator.ts";
import { Model } from "#serving/controller/model.ts";
import { Request, type RequestTimes } from "#serving/controller/request-book.ts";
import { ns } from "#stdx/nanos.ts";

/** Model 7 on up to two workers; batches as given, one of 1 ms unless said. */
export const makeModel = (
  batches: readonly BatchProfile[] = [{ batchSize: 1, execNs: ns(1_000_000) }],
): Model =>
  new Model(
    {
      modelId: 7,
      path: "/zoo/resnet50_v2/model",
      inputBytes: 0,
      outputBytes: 0,
      batchSizes: batches.map(({ batchSize }) => batchSize),
      execNs: batches.map(({ execNs }) => execNs),
      weightsBytes: 0,
      weightsPages: 1,
      weightsLoadNs: ns(8_310_000),
    },
    { index: 0, workerCount: 2 },
    new ExecEstimator(batches),
  );

/** Arrives at 0 unless said; `execSlo` is then its deadline. */
export const makeRequest = (
  model: Model,
  requestId: number,
  times: Partial<Record<keyof RequestTimes | "arrival", number>> = {},
): Request => {
  const { arrival = 0, slo = 100, execSlo = 95, weightsSlo = 25 } = times;
  const request = {
    kind: "infer",
    userId: 0,
    userRequestId: requestId,
    modelId: model.modelId,
    batchSize: 1,
    sloFactor: 0,
    input: { sizeBytes: 0 },
  } as const;
  return new Request(
    { requestId, connectionId: 0, messageId: requestId, arrival: ns(arrival), request },
    model,
    { slo: ns(slo), execSlo: ns(execSlo), weightsSlo: ns(weightsSlo) },
  );
};
