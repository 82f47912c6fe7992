/** The request log's two dialects, against the documentation's sample and by hand. */
import { describe, expect, test } from "bun:test";
import type { RequestRecord } from "#serving/controller/events.ts";
import { STATUS } from "#serving/status.ts";
import { ns } from "#stdx/nanos.ts";
import { encodeRequestRow, REQUEST_LOG } from "#telemetry/request-log.ts";
import { headerLine } from "#telemetry/schema.ts";
import { cellsByName, requestRecord } from "./records.ts";
import { SAMPLE_REQUESTS } from "./samples.ts";

const HEADER =
  "t request_id result user_id model_id slo_factor latency deadline deadline_met arrival_count departure_count is_coldstart";

// The documentation's sample: t is the departure, so arrival = t − latency.
const SAMPLE_EPOCH = 1_598_832_443_000_000_000n;
const SAMPLE: readonly { record: RequestRecord; original: string; documented: string }[] = [
  {
    record: requestRecord({
      requestId: 68,
      userRequestId: 68,
      userId: 357,
      modelId: 30,
      arrival: ns(782_277_698), // 793706643 − 11428945
      departure: ns(793_706_643),
      departureWorkers: 2,
      departureGpus: 2,
    }),
    original: SAMPLE_REQUESTS[0],
    documented: "1598832443782277698 68 0 357 30 0 11428945 100000000 1 0 2 1",
  },
  {
    record: requestRecord({
      requestId: 330,
      userRequestId: 330,
      userId: 115,
      modelId: 9,
      arrival: ns(784_044_934), // 793770631 − 9725697
      departure: ns(793_770_631),
      departureWorkers: 2,
      departureGpus: 2,
    }),
    original: SAMPLE_REQUESTS[1],
    documented: "1598832443784044934 330 0 115 9 0 9725697 100000000 1 0 2 1",
  },
  {
    record: requestRecord({
      requestId: 506,
      userRequestId: 506,
      userId: 357,
      modelId: 30,
      arrival: ns(791_871_905), // 794996383 − 3124478
      departure: ns(794_996_383),
      arrivalWorkers: 2,
      arrivalGpus: 2,
      departureWorkers: 2,
      departureGpus: 2,
    }),
    original: SAMPLE_REQUESTS[2],
    documented: "1598832443791871905 506 0 357 30 0 3124478 100000000 1 2 2 0",
  },
  {
    record: requestRecord({
      requestId: 511,
      userRequestId: 511,
      userId: 115,
      modelId: 9,
      arrival: ns(792_240_385), // 795068092 − 2827707
      departure: ns(795_068_092),
      arrivalWorkers: 2,
      arrivalGpus: 2,
      departureWorkers: 2,
      departureGpus: 2,
    }),
    original: SAMPLE_REQUESTS[3],
    documented: "1598832443792240385 511 0 115 9 0 2827707 100000000 1 2 2 0",
  },
];

const tabs = (text: string): string => text.replaceAll(" ", "\t");

describe("the documentation's sample", () => {
  test("has our header", () => {
    expect(headerLine(REQUEST_LOG)).toBe(tabs(HEADER));
  });
  for (const { record, original, documented } of SAMPLE) {
    test(`request ${record.requestId} comes out byte for byte`, () => {
      expect(encodeRequestRow(record, SAMPLE_EPOCH, "original")).toBe(tabs(original));
      expect(encodeRequestRow(record, SAMPLE_EPOCH, "documented")).toBe(tabs(documented));
    });
  }
});

describe("every column by hand", () => {
  // Two GPUs of one worker take the model while the request waits.
  const cold = requestRecord({
    requestId: 7,
    connectionId: 3,
    userRequestId: 4,
    userId: 12,
    modelId: 5,
    sloFactor: Math.fround(2.3),
    arrival: ns(1_000),
    departure: ns(251_000),
    slo: ns(250_000),
    arrivalWorkers: 0,
    arrivalGpus: 0,
    departureWorkers: 1,
    departureGpus: 2,
  });
  const epoch = 1_700_000_000_000_000_001n;

  test("documented", () => {
    expect(
      cellsByName(headerLine(REQUEST_LOG), encodeRequestRow(cold, epoch, "documented")),
    ).toEqual({
      t: "1700000000000001001", // epoch + arrival, odd: a double would round it
      request_id: "7",
      result: "0",
      user_id: "12",
      model_id: "5",
      slo_factor: "2.3",
      latency: "250000", // 251000 − 1000
      deadline: "250000",
      deadline_met: "1", // equal counts as met
      arrival_count: "0",
      departure_count: "1",
      is_coldstart: "1",
    });
  });
  test("original", () => {
    expect(cellsByName(headerLine(REQUEST_LOG), encodeRequestRow(cold, epoch, "original"))).toEqual(
      {
        t: "1700000000000251001", // epoch + departure
        request_id: "4",
        result: "0",
        user_id: "12",
        model_id: "5",
        slo_factor: "2.3",
        latency: "250000",
        deadline: "250000",
        deadline_met: "1",
        arrival_count: "0",
        departure_count: "2",
        is_coldstart: "1",
      },
    );
  });
});

const columns = (record: Partial<RequestRecord>, dialect: "documented" | "original") =>
  cellsByName(headerLine(REQUEST_LOG), encodeRequestRow(requestRecord(record), 0n, dialect));

describe("deadline_met", () => {
  const cases: readonly [string, Partial<RequestRecord>, string][] = [
    ["success within the SLO", { departure: ns(100_000_000) }, "1"],
    ["success one ns late", { departure: ns(100_000_001) }, "0"],
    ["failure within the SLO", { result: STATUS.TIMEOUT, departure: ns(1) }, "0"],
    ["success without an SLO", { slo: null, departure: ns(10_000_000_000) }, "1"],
    ["failure without an SLO", { slo: null, result: STATUS.ERROR }, "0"],
  ];
  for (const [name, record, met] of cases) {
    test(name, () => {
      expect(columns(record, "documented")["deadline_met"]).toBe(met);
      expect(columns(record, "original")["deadline_met"]).toBe(met);
    });
  }
  test("the deadline column is −1 where no SLO applied", () => {
    expect(columns({ slo: null }, "documented")["deadline"]).toBe("-1");
    expect(columns({ slo: null }, "original")["deadline"]).toBe("-1");
  });
});

describe("copies and cold starts per result", () => {
  const held = { arrivalWorkers: 1, arrivalGpus: 2, departureWorkers: 2, departureGpus: 4 };
  const cases: readonly [string, Partial<RequestRecord>, string, string][] = [
    // name, record, documented and original as "arrival departure cold"
    ["success", { ...held }, "1 2 0", "2 4 0"],
    ["timeout", { ...held, result: STATUS.TIMEOUT }, "1 2 0", "2 4 0"],
    ["skipped (7)", { ...held, result: 7 }, "1 2 0", "2 4 0"],
    ["late (8)", { ...held, result: 8 }, "1 2 0", "2 4 0"],
    ["failed on a worker (82)", { ...held, result: 82 }, "1 2 0", "2 0 0"],
    ["dropped before sending (45)", { ...held, result: 45 }, "1 2 0", "2 0 0"],
    // Never loaded, timed out: cold by the documentation, not by the code.
    ["cold timeout", { result: STATUS.TIMEOUT }, "0 0 1", "0 0 0"],
    [
      "cold, loaded meanwhile, worker error",
      { departureWorkers: 1, departureGpus: 1, result: 84 },
      "0 1 1",
      "0 0 0",
    ],
    ["invalid model", { modelExists: false, result: STATUS.ERROR, slo: null }, "0 0 0", "0 0 0"],
  ];
  for (const [name, record, documented, original] of cases) {
    test(name, () => {
      const pick = (cells: Record<string, string>) =>
        `${cells["arrival_count"]} ${cells["departure_count"]} ${cells["is_coldstart"]}`;
      expect(pick(columns(record, "documented"))).toBe(documented);
      expect(pick(columns(record, "original"))).toBe(original);
    });
  }
});

test("a request refused during start-up has a row in documented only", () => {
  const refused = requestRecord({ result: STATUS.INITIALIZING });
  expect(encodeRequestRow(refused, 0n, "original")).toBeNull();
  expect(encodeRequestRow(refused, 0n, "documented")).toContain("\t5\t");
});

test("slo_factor differs in digits only", () => {
  // The float nearest to 1/3 is 0.3333333432674407958984375.
  expect(columns({ sloFactor: 1 / 3 }, "documented")["slo_factor"]).toBe("0.33333334");
  expect(columns({ sloFactor: 1 / 3 }, "original")["slo_factor"]).toBe("0.333333");
});
