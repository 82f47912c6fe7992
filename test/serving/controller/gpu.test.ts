/** Which GPUs are used when there are more than asked for. */
import { expect, test } from "bun:test";
import { selectGpus } from "#serving/controller/gpu.ts";
import type { WorkerState } from "#serving/messages.ts";

const worker = (gpus: number): WorkerState => ({
  pageSizeBytes: 1,
  hostIoPoolBytes: 0,
  models: [],
  gpus: Array.from({ length: gpus }, (_, id) => ({
    id,
    weightsCacheBytes: 9,
    totalPages: 9,
    residentModels: [],
    ioPoolBytes: 0,
    workspacePoolBytes: 0,
  })),
});

test.each([
  // floor(1 / 2) = 0 from the first worker, floor(1 / 1) = 1 from the second.
  [[1, 1], 1, ["1.0"]],
  // floor(5 / 2) = 2, then 3.
  [[4, 4], 5, ["0.0", "0.1", "1.0", "1.1", "1.2"]],
  // The first has fewer than its share; the rest goes to the second.
  [[1, 4], 4, ["0.0", "1.0", "1.1", "1.2"]],
  [[2], 100, ["0.0", "0.1"]],
  [[0, 2], 100, ["1.0", "1.1"]],
])("workers with %p GPUs, at most %d", (gpus, maxGpus, expected) => {
  const places = selectGpus(gpus.map(worker), maxGpus);
  expect(places.map(({ worker: index, gpuId }) => `${index}.${gpuId}`)).toEqual(expected);
});

test("a worker that is gone counts as one without GPUs", () => {
  expect(selectGpus([null, worker(1)], 100)).toHaveLength(1);
});
