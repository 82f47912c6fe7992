/** Steps a controller whose workers tell what a test wants them to hold. */
import { Controller } from "#serving/controller/controller.ts";
import type { ControllerEffect, ControllerEvent } from "#serving/controller/events.ts";
import { type ControllerOptions, DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { WorkerModel, WorkerState } from "#serving/messages.ts";
import { ns } from "#stdx/nanos.ts";
import { PAGE_BYTES } from "./world.ts";

export const SECOND = 1_000_000_000;
const bare = { actionReceived: null, resultSent: null };

export const model = (modelId: number, extra: Partial<WorkerModel> = {}): WorkerModel => ({
  modelId,
  path: `/zoo/${modelId}/model`,
  inputBytes: 100,
  outputBytes: 4,
  batchSizes: [1, 2],
  weightsBytes: 7 * PAGE_BYTES,
  weightsPages: 7,
  weightsLoadNs: ns(8_000_000),
  execNs: [ns(2_000_000), ns(3_000_000)],
  ...extra,
});

export const state = (
  models: readonly WorkerModel[],
  resident: readonly number[],
): WorkerState => ({
  pageSizeBytes: PAGE_BYTES,
  hostIoPoolBytes: 0,
  models,
  gpus: [
    {
      id: 0,
      weightsCacheBytes: 14 * PAGE_BYTES,
      totalPages: 14,
      residentModels: resident,
      ioPoolBytes: 0,
      workspacePoolBytes: 0,
    },
  ],
});

/** Steps a controller whose workers have told these states. */
export const start = (states: readonly WorkerState[], options: Partial<ControllerOptions> = {}) => {
  const workerCount = states.length;
  const controller = new Controller({
    ...DEFAULT_OPTIONS,
    strategy: "INFER5",
    ...options,
    workerCount,
  });
  const effects: ControllerEffect[] = [];
  const step = (at: number, event: ControllerEvent): void => {
    const caused = controller.step(ns(at), event);
    effects.push(...caused);
    for (const effect of caused) {
      if (effect.kind !== "send_action") continue;
      const { worker, action } = effect;
      step(at, { kind: "action_sent", worker, actionId: action.actionId });
    }
  };
  for (let worker = 0; worker < workerCount; worker++) step(0, { kind: "worker_up", worker });
  for (const [worker, each] of states.entries()) {
    const result = { ...bare, actionId: worker, kind: "get_worker_state", state: each } as const;
    step(1, { kind: "result", worker, received: ns(1), result });
  }
  const infer = (at: number, modelId: number): void => {
    const header = { kind: "infer", userId: 0, userRequestId: 0, batchSize: 1 } as const;
    const request = { ...header, modelId, sloFactor: 0, input: { sizeBytes: 0 } };
    step(at, { kind: "request", connectionId: 0, messageId: 0, arrival: ns(at), request });
  };
  const actions = () =>
    effects.flatMap((effect) =>
      effect.kind === "send_action" && effect.action.kind !== "get_worker_state"
        ? [`W${effect.worker} ${effect.action.kind}`]
        : [],
    );
  const lines = () => effects.flatMap((effect) => (effect.kind === "print" ? [effect.line] : []));
  /** Answers the last question of what a worker holds. */
  const tell = (at: number, worker: number, holds: WorkerState): void => {
    const question = effects.findLast(
      (effect) =>
        effect.kind === "send_action" &&
        effect.worker === worker &&
        effect.action.kind === "get_worker_state",
    );
    const actionId = question?.kind === "send_action" ? question.action.actionId : -1;
    const result = { ...bare, actionId, kind: "get_worker_state", state: holds } as const;
    step(at, { kind: "result", worker, received: ns(at), result });
  };
  return { controller, effects, step, infer, actions, lines, tell };
};
