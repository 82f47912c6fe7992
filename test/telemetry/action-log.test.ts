/** The action log's two dialects, against the documentation's sample and by hand. */
import { describe, expect, test } from "bun:test";
import type { ActionRecord, BatchMember } from "#serving/controller/events.ts";
import { ns } from "#stdx/nanos.ts";
import { ACTION_LOG, encodeActionRow } from "#telemetry/action-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { actionRecord, cellsByName } from "./records.ts";
import { SAMPLE_ACTIONS } from "./samples.ts";

const HEADER =
  "t action_id action_type status worker_id gpu_id model_id batch_size expected_exec_duration worker_exec_duration expected_exec_complete worker_exec_complete expected_gpu_clock worker_gpu_clock_before worker_gpu_clock worker_copy_output_complete worker_action_received worker_result_sent controller_result_enqueue controller_action_duration goodput requests_queued copies_loaded";

const EPOCH = 1_598_832_443_000_000_000n;
const tabs = (text: string): string => text.replaceAll(" ", "\t");

/** A load of the sample: `sent` after EPOCH, everything else after `sent`. */
const sampleLoad = (
  fields: Partial<ActionRecord>,
  sent: number,
  after: readonly [number, number, number, number, number, number],
) => {
  const [expected, complete, actionReceived, resultSent, received, processed] = after;
  return actionRecord({
    sent: ns(sent),
    built: ns(sent - 500),
    expectedDuration: ns(5_637_000),
    expectedComplete: ns(sent + expected),
    workerExecComplete: ns(sent + complete),
    workerActionReceived: ns(sent + actionReceived),
    workerResultSent: ns(sent + resultSent),
    received: ns(sent + received),
    processed: ns(sent + processed),
    ...fields,
  });
};

describe("the documentation's sample", () => {
  test("has our header", () => expect(headerLine(ACTION_LOG)).toBe(tabs(HEADER)));

  // Printed rows are `original`: t = received, so sent = t − controller_result_enqueue.
  const rows: readonly [ActionRecord, string, string][] = [
    [
      sampleLoad(
        { actionId: 2, worker: 9, gpuId: 1, workerDuration: ns(5_669_663), requestsQueued: 2 },
        782_221_183, // 789472787 − 7251604
        [6_604_169, 6_830_646, 170_122, 6_840_551, 7_251_604, 7_263_700],
      ),
      SAMPLE_ACTIONS[0],
      "1598832443782221183 2 1 0 9 1 0 1 5637000 5669663 6604169 6830646 0 0 0 0 170122 6840551 7251604 7263700 1 2 0",
    ],
    [
      sampleLoad(
        { actionId: 0, worker: 8, gpuId: 0, workerDuration: ns(5_672_895), requestsQueued: 2 },
        782_209_786, // 789454455 − 7244669
        [6_605_935, 6_826_713, 410_550, 6_836_940, 7_244_669, 7_276_903],
      ),
      SAMPLE_ACTIONS[1],
      "1598832443782209786 0 1 0 8 0 0 1 5637000 5672895 6605935 6826713 0 0 0 0 410550 6836940 7244669 7276903 1 2 0",
    ],
    [
      sampleLoad(
        { actionId: 7, worker: 3, modelId: 1, workerDuration: ns(5_677_567), requestsQueued: 1 },
        782_254_391, // 789437665 − 7183274
        [6_594_394, 6_818_735, 325_569, 6_829_798, 7_183_274, 7_297_271],
      ),
      SAMPLE_ACTIONS[2],
      "1598832443782254391 7 1 0 3 0 1 1 5637000 5677567 6594394 6818735 0 0 0 0 325569 6829798 7183274 7297271 1 1 0",
    ],
    [
      sampleLoad(
        { actionId: 4, worker: 6, workerDuration: ns(5_668_928), requestsQueued: 2 },
        782_235_010, // 789463641 − 7228631
        [6_595_782, 6_839_861, 237_703, 6_850_289, 7_228_631, 7_251_874],
      ),
      SAMPLE_ACTIONS[3],
      "1598832443782235010 4 1 0 6 0 0 1 5637000 5668928 6595782 6839861 0 0 0 0 237703 6850289 7228631 7251874 1 2 0",
    ],
  ];
  for (const [record, original, documented] of rows) {
    test(`action ${record.actionId} comes out byte for byte`, () => {
      expect(encodeActionRow(record, EPOCH, "original")).toBe(tabs(original));
      expect(encodeActionRow(record, EPOCH, "documented")).toBe(tabs(documented));
    });
  }
});

const member = (met: boolean): BatchMember => ({
  requestId: 0,
  connectionId: 0,
  userRequestId: 0,
  arrival: ns(0),
  departure: ns(0),
  slo: ns(100),
  met,
});

const cells = (record: ActionRecord, dialect: "documented" | "original") =>
  cellsByName(headerLine(ACTION_LOG), encodeActionRow(record, 0n, dialect));

// Built at 1000, sent at 1500: in `original` everything is relative to 1000, in `documented` to 1500.
const infer = actionRecord({
  actionId: 41,
  action: "infer",
  worker: 1,
  gpuId: 2,
  modelId: 3,
  batchSize: 3,
  built: ns(1_000),
  sent: ns(1_500),
  received: ns(40_001_000),
  processed: ns(40_002_000),
  expectedDuration: ns(29_000_000),
  expectedComplete: ns(39_000_000),
  expectedGpuClockMhz: 1_380,
  workerDuration: ns(30_000_001),
  workerExecComplete: ns(39_500_000),
  workerCopyOutputComplete: ns(39_600_000),
  workerActionReceived: ns(1_800),
  workerResultSent: ns(39_700_000),
  gpuClockBeforeMhz: 1_372,
  gpuClockMhz: 1_365,
  requestsQueued: 5,
  copiesWorkers: 1,
  copiesGpus: 2,
  batch: [member(true), member(false), member(true)],
});

describe("every column of an infer row", () => {
  const shared = {
    action_id: "41",
    action_type: "2",
    status: "0",
    worker_id: "1",
    gpu_id: "2",
    model_id: "3",
    batch_size: "3",
    expected_exec_duration: "29000000",
    worker_exec_duration: "30000001",
    expected_gpu_clock: "1380",
    worker_gpu_clock_before: "1372",
    worker_gpu_clock: "1365",
    requests_queued: "5",
  };
  test("documented", () => {
    expect(cells(infer, "documented")).toEqual({
      ...shared,
      t: "1500",
      expected_exec_complete: "38998500", // 39000000 − 1500
      worker_exec_complete: "39498500",
      worker_copy_output_complete: "39598500",
      worker_action_received: "300", // 1800 − 1500
      worker_result_sent: "39698500",
      controller_result_enqueue: "39999500", // 40001000 − 1500
      controller_action_duration: "40000500",
      goodput: "0.6666666666666666", // 2 of 3
      copies_loaded: "1",
    });
  });
  test("original", () => {
    expect(cells(infer, "original")).toEqual({
      ...shared,
      t: "40001000",
      expected_exec_complete: "38999000", // 39000000 − 1000
      worker_exec_complete: "39499000",
      worker_copy_output_complete: "39599000",
      worker_action_received: "800",
      worker_result_sent: "39699000",
      controller_result_enqueue: "40000000",
      controller_action_duration: "40001000",
      // float32(30000001) = 30000000 (steps of 2); float32(2/3) = 0.666666686534881591796875;
      // the product 20000000.596 rounds to 20000000 (steps of 2).
      goodput: "20000000",
      copies_loaded: "2",
    });
  });
});

describe("every column of an evict row", () => {
  const evict = actionRecord({
    actionId: 8,
    action: "evict_weights",
    gpuId: 1,
    modelId: 4,
    built: ns(900),
    sent: ns(1_000),
    received: ns(9_000),
    processed: ns(9_500),
    expectedDuration: ns(77),
    expectedComplete: ns(1_077),
    expectedGpuClockMhz: 1_380,
    workerDuration: ns(5_348),
    workerExecComplete: ns(7_000),
    workerActionReceived: ns(1_400),
    workerResultSent: ns(7_500),
    requestsQueued: 0,
    copiesWorkers: 1,
    copiesGpus: 1,
  });
  const shared = {
    action_id: "8",
    action_type: "3",
    status: "0",
    worker_id: "0",
    gpu_id: "1",
    model_id: "4",
    batch_size: "1",
    worker_exec_duration: "5348",
    worker_gpu_clock_before: "0",
    worker_gpu_clock: "0",
    worker_copy_output_complete: "0",
    worker_action_received: "400",
    worker_result_sent: "6500",
    controller_result_enqueue: "8000",
    controller_action_duration: "8500",
    requests_queued: "0",
    copies_loaded: "1",
  };
  test("documented", () => {
    expect(cells(evict, "documented")).toEqual({
      ...shared,
      t: "1000",
      expected_exec_duration: "77",
      expected_exec_complete: "77",
      worker_exec_complete: "6000",
      expected_gpu_clock: "1380",
      goodput: "1",
    });
  });
  test("original", () => {
    expect(cells(evict, "original")).toEqual({
      ...shared,
      t: "9000",
      expected_exec_duration: "0",
      expected_exec_complete: "0",
      worker_exec_complete: "0",
      expected_gpu_clock: "0",
      goodput: "5348",
    });
  });
  test("the original ends on a failed evict, so that row exists in documented only", () => {
    expect(encodeActionRow({ ...evict, status: 63 }, 0n, "original")).toBeNull();
    expect(cells({ ...evict, status: 63 }, "documented")["status"]).toBe("63");
  });
});

describe("a failed infer", () => {
  const failed = actionRecord({
    ...infer,
    status: 84,
    workerDuration: null,
    workerExecComplete: null,
    workerCopyOutputComplete: null,
    gpuClockBeforeMhz: 0,
    gpuClockMhz: 0,
    batch: [member(false), member(false), member(false)],
  });
  const zero = {
    status: "84",
    batch_size: "3",
    expected_exec_duration: "29000000",
    expected_gpu_clock: "1380",
    worker_exec_duration: "0",
    worker_exec_complete: "0",
    worker_copy_output_complete: "0",
    worker_gpu_clock_before: "0",
    worker_gpu_clock: "0",
    goodput: "0",
  };
  test("keeps what was expected and reports no execution, in both dialects", () => {
    expect(cells(failed, "documented")).toMatchObject({
      ...zero,
      expected_exec_complete: "38998500",
    });
    expect(cells(failed, "original")).toMatchObject({
      ...zero,
      expected_exec_complete: "38999000",
    });
  });
  test("the original reports no execution even where the worker measured one", () => {
    const measured = { ...infer, status: 84, batch: failed.batch };
    expect(cells(measured, "original")).toMatchObject(zero);
    expect(cells(measured, "documented")["worker_exec_duration"]).toBe("30000001");
  });
});

describe("an action dropped before sending (45)", () => {
  const dropped = actionRecord({
    ...infer,
    status: 45,
    sent: ns(6_297_208), // the decision
    received: ns(6_297_208),
    processed: ns(15_089_240),
    workerDuration: null,
    workerExecComplete: null,
    workerCopyOutputComplete: null,
    workerActionReceived: null,
    workerResultSent: null,
    batch: [member(false), member(false), member(false)],
  });
  test("documented: t is the decision, worker columns are 0", () => {
    expect(cells(dropped, "documented")).toMatchObject({
      t: "6297208",
      worker_action_received: "0",
      worker_result_sent: "0",
      controller_result_enqueue: "0",
      controller_action_duration: "8792032", // 15089240 − 6297208
      goodput: "0",
    });
  });
  test("original: relative to building, the drop time stands for the worker's instants", () => {
    // As in the recorded row: 6296208 6296208 6296208 15088240.
    expect(cells(dropped, "original")).toMatchObject({
      t: "6297208",
      worker_action_received: "6296208", // 6297208 − 1000
      worker_result_sent: "6296208",
      controller_result_enqueue: "6296208",
      controller_action_duration: "15088240",
      goodput: "0",
    });
  });
});

describe("clock skew that puts the worker before the controller", () => {
  // The worker seems to have read the action 300 before it was sent.
  const skewed = actionRecord({
    sent: ns(1_000),
    received: ns(5_000),
    processed: ns(5_000),
    workerDuration: ns(3_000),
    workerActionReceived: ns(700),
    workerExecComplete: ns(900),
    workerResultSent: ns(4_000),
  });
  test("documented: negative, never wrapped", () => {
    expect(cells(skewed, "documented")).toMatchObject({
      worker_action_received: "-300",
      worker_exec_complete: "-100",
      worker_result_sent: "3000",
    });
  });
  test("original: all worker instants shifted by 300", () => {
    expect(cells(skewed, "original")).toMatchObject({
      worker_action_received: "0",
      worker_exec_complete: "200", // 900 + 300 − 1000
      worker_result_sent: "3300",
    });
  });
  test("original: without the instant of receipt nothing is shifted, and negatives become 0", () => {
    expect(cells({ ...skewed, workerActionReceived: null }, "original")).toMatchObject({
      worker_action_received: "0",
      worker_exec_complete: "0",
      worker_result_sent: "3000",
    });
  });
  test("original: a result received before sending wraps as the original's unsigned number does", () => {
    // 999 − 1000 = −1 = 2^64 − 1.
    expect(cells({ ...skewed, received: ns(999) }, "original")["controller_result_enqueue"]).toBe(
      "18446744073709551615",
    );
    expect(cells({ ...skewed, received: ns(999) }, "documented")["controller_result_enqueue"]).toBe(
      "-1",
    );
  });
});

describe("which actions have rows", () => {
  const cases = [
    ["load_model", "0", "0", false],
    ["load_weights", "1", "1", true],
    ["infer", "2", "1", true],
    ["evict_weights", "3", "1", true],
    ["clear_cache", "4", "0", false],
    ["get_worker_state", "5", "0", false],
  ] as const;
  for (const [action, type, batch, inOriginal] of cases) {
    test(action, () => {
      const record = actionRecord({ action });
      expect(cells(record, "documented")).toMatchObject({ action_type: type, batch_size: batch });
      expect(encodeActionRow(record, 0n, "original") !== null).toBe(inOriginal);
    });
  }
});

describe("documented goodput", () => {
  const cases: readonly [string, Partial<ActionRecord>, string][] = [
    [
      "1 of 3",
      { action: "infer", batchSize: 3, batch: [member(true), member(false), member(false)] },
      "0.3333333333333333",
    ],
    ["1 of 2", { action: "infer", batchSize: 2, batch: [member(true), member(false)] }, "0.5"],
    ["all", { action: "infer", batchSize: 1, batch: [member(true)] }, "1"],
    ["none", { action: "infer", batchSize: 1, batch: [member(false)] }, "0"],
    ["an empty batch", { action: "infer", batchSize: 0 }, "0"],
    ["a successful load from disk", { action: "load_model" }, "1"],
    ["a failed load", { status: 53 }, "0"],
  ];
  for (const [name, fields, goodput] of cases) {
    test(name, () => expect(cells(actionRecord(fields), "documented")["goodput"]).toBe(goodput));
  }
});
