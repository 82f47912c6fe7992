/** Limits on what clients have outstanding: who is refused, and that those who ask for little never are. */
import { describe, expect, test } from "bun:test";
import { type Counted, Outstanding, type RequestLimits } from "#serving/controller/outstanding.ts";
import { Rng } from "#stdx/rng.ts";

const WIDE: RequestLimits = {
  requestsMax: 1e6,
  requestsPerConnectionMax: 1e6,
  requestsPerUserMax: null,
  inputBytesMax: 1e12,
};
const of = (connectionId: number, extra: Partial<Counted> = {}): Counted => ({
  connectionId,
  userId: 0,
  inputBytes: 0,
  ...extra,
});

/** As the controller does: what is refused ends at once. */
const offer = (outstanding: Outstanding, counted: Counted): string | null => {
  const refusal = outstanding.begun(counted);
  if (refusal !== null) outstanding.ended(counted);
  return refusal;
};

describe("Outstanding", () => {
  test("refuses what is above a connection's limit, and takes more once something has ended", () => {
    const outstanding = new Outstanding({ ...WIDE, requestsPerConnectionMax: 2 });
    expect([1, 1, 2].map((id) => offer(outstanding, of(id)))).toEqual([null, null, null]);
    expect(offer(outstanding, of(1))).toBe(
      "too much is outstanding: requests of this connection (limit 2)",
    );
    expect(outstanding.requests).toBe(3);
    outstanding.ended(of(1));
    expect(offer(outstanding, of(1))).toBeNull();
  });

  test("on a full total refuses only those who have their share of it", () => {
    const outstanding = new Outstanding({ ...WIDE, requestsMax: 12 });
    // Connection 1 takes all of 12; with 2 and 3 there, a share is 4.
    for (let i = 0; i < 12; i++) expect(offer(outstanding, of(1))).toBeNull();
    expect(offer(outstanding, of(1))).toContain("requests of all connections (limit 12)");
    expect(offer(outstanding, of(2))).toBeNull();
    for (let i = 0; i < 4; i++) expect(offer(outstanding, of(3))).toBeNull();
    expect(offer(outstanding, of(3))).toContain("requests of all connections (limit 12)");
    expect(offer(outstanding, of(2))).toBeNull();
    // One that is gone no longer counts as a sharer once its requests have ended.
    for (let i = 0; i < 12; i++) outstanding.ended(of(1));
    expect(offer(outstanding, of(3))).toBeNull();
  });

  test("counts the bytes of inputs in the same way, and lets requests without any pass", () => {
    const outstanding = new Outstanding({ ...WIDE, inputBytesMax: 1000 });
    expect(offer(outstanding, of(1, { inputBytes: 900 }))).toBeNull();
    expect(offer(outstanding, of(1, { inputBytes: 101 }))).toBe(
      "too much is outstanding: bytes of inputs (limit 1000)",
    );
    expect(offer(outstanding, of(1, { inputBytes: 100 }))).toBeNull();
    expect(offer(outstanding, of(1))).toBeNull();
    expect(offer(outstanding, of(2, { inputBytes: 300 }))).toBeNull();
    expect(offer(outstanding, of(2, { inputBytes: 300 }))).toContain(
      "bytes of inputs (limit 1000)",
    );
  });

  test("limits a user id over all connections, where that is asked for", () => {
    const outstanding = new Outstanding({ ...WIDE, requestsPerUserMax: 2 });
    const mine = (id: number) => of(id, { userId: 7 });
    expect([1, 2].map((id) => offer(outstanding, mine(id)))).toEqual([null, null]);
    expect(offer(outstanding, mine(3))).toBe(
      "too much is outstanding: requests of user 7 (limit 2)",
    );
    expect(offer(outstanding, of(3, { userId: 8 }))).toBeNull();
    expect(offer(outstanding, of(3, { userId: null }))).toBeNull();
    outstanding.ended(mine(1));
    expect(offer(outstanding, mine(3))).toBeNull();
  });

  test("whatever comes, the totals stay below twice their limits, and end at zero", () => {
    const limits = { ...WIDE, requestsMax: 50, inputBytesMax: 5000 };
    for (let seed = 0; seed < 30; seed++) {
      const rng = Rng.of(seed, "outstanding");
      const outstanding = new Outstanding(limits);
      const open: Counted[] = [];
      let bytes = 0;
      for (let i = 0; i < 2000; i++) {
        const connectionId = rng.below(3) === 0 ? rng.below(20) : 0;
        const counted = of(connectionId, { inputBytes: rng.below(300) });
        if (rng.below(4) > 0) {
          if (offer(outstanding, counted) === null) {
            open.push(counted);
            bytes += counted.inputBytes;
          }
        } else {
          const [ended] = open.splice(rng.below(Math.max(1, open.length)), 1);
          if (ended === undefined) continue;
          outstanding.ended(ended);
          bytes -= ended.inputBytes;
        }
        expect(outstanding.requests).toBe(open.length);
        expect(open.length).toBeLessThan(2 * limits.requestsMax);
        expect(bytes).toBeLessThan(2 * limits.inputBytesMax);
      }
      for (const counted of open) outstanding.ended(counted);
      expect(outstanding.requests).toBe(0);
    }
  });
});
