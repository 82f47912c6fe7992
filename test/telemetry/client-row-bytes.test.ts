/** Rows as bytes are the rows as text, for any record. */
import { expect, test } from "bun:test";
import type { ClientRecord, Outcome } from "#serving/client/events.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";
import { encodeClientRow } from "#telemetry/client-log.ts";
import { ClientRowBytes } from "#telemetry/client-row-bytes.ts";

const OUTCOMES: readonly Outcome[] = ["ok", "fail", "unknown", "dropped"];
const CLASSES = ["poisson", "", "a\tb\r\nc", "überfällig", "日本", "😀"];

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.below(values.length)] as T;

/** Any magnitude up to 52 days, either sign, and the ends of seconds. */
const instant = (rng: Rng): Nanos =>
  pick(rng, [
    () => ns(rng.below(2 ** 31)),
    () => ns(rng.below(4_000_000) * 1e9 + rng.below(1e9)),
    () => ns(-rng.below(2 ** 31) * 1000),
    () => ns(rng.below(4_000_000) * 1e9),
    () => ns(rng.below(4_000_000) * 1e9 + 999_999_999),
  ])();

const record = (rng: Rng): ClientRecord => {
  const maybe = (): Nanos | null => (rng.below(4) === 0 ? null : instant(rng));
  return {
    clientId: rng.below(3),
    userRequestId: rng.below(2 ** 31),
    modelId: rng.below(100),
    user: pick(rng, [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 32 - 1, 10 ** rng.below(10)]),
    className: pick(rng, CLASSES),
    scheduled: instant(rng),
    sent: maybe(),
    received: maybe(),
    outcome: pick(rng, OUTCOMES),
    result: pick(rng, [null, 0, 7, -1, 2 ** 31 - 1]),
    responseSent: maybe(),
    slo: pick(rng, [ns(0), ns(25e6), ns(2 ** 52)]),
  };
};

test.each([1_795_399_200_000_000_123n, 1_795_399_199_999_999_999n, 1_700_000_000_000_000_000n, 5n])(
  "10,000 records of an epoch of %p ns",
  (epochNs) => {
    const rng = Rng.of(3, `rows/${epochNs}`);
    const rows = new ClientRowBytes(epochNs);
    const target = new Uint8Array(1000);
    for (let i = 0; i < 10_000; i++) {
      const each = record(rng);
      target.fill(0xff);
      const end = rows.put(each, target, 7);
      expect(end - 7).toBeLessThanOrEqual(rows.bytesMax(each));
      const text = new TextDecoder().decode(target.subarray(7, end));
      expect(text).toBe(`${encodeClientRow(each, epochNs)}\n`);
    }
  },
);

test("the longest row fits its bound", () => {
  const rows = new ClientRowBytes(9_000_000_000_000_000_000n);
  const most = Number.MAX_SAFE_INTEGER;
  const each: ClientRecord = {
    clientId: most,
    userRequestId: most,
    modelId: most,
    user: most,
    className: "日".repeat(50),
    scheduled: ns(2 ** 52),
    sent: ns(2 ** 52),
    received: ns(2 ** 52),
    outcome: "unknown",
    result: -(2 ** 31),
    responseSent: ns(2 ** 52),
    slo: ns(most),
  };
  expect(rows.put(each, new Uint8Array(1000), 0)).toBeLessThanOrEqual(rows.bytesMax(each));
});
