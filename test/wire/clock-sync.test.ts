/** Clock synchronisation: window minima against brute force, and the original's arithmetic to the last bit. */
import { expect, test } from "bun:test";
import { Rng } from "#stdx/rng.ts";
import { ClockSync, MinWindow, NO_DELTA, shiftInstant, wrapInstant } from "#wire/clock-sync.ts";

const U64_MAX = 2n ** 64n - 1n;

test("the minimum is that of the last 1024 samples, whatever their order", () => {
  const rng = Rng.of(7, "window");
  const window = new MinWindow();
  const samples: bigint[] = [];
  expect(window.min).toBe(NO_DELTA);
  for (let i = 0; i < 5000; i++) {
    // Stretches that rise, fall and repeat, so that minima leave the window in every way.
    const drift = i % 3000 < 1500 ? i : 3000 - i;
    const sample = BigInt(drift * 5 + rng.below(2000) - 1000);
    samples.push(sample);
    window.add(sample);
    let expected = sample;
    for (const each of samples.slice(-1024)) if (each < expected) expected = each;
    expect(window.min).toBe(expected);
  }
});

test("a minimum leaves exactly with the 1024th sample after it", () => {
  const window = new MinWindow();
  window.add(-5n);
  for (let i = 0; i < 1023; i++) window.add(10n);
  expect(window.min).toBe(-5n);
  window.add(10n);
  expect(window.min).toBe(10n);
});

test("rising samples fill the window without losing one", () => {
  const window = new MinWindow();
  for (let i = 0; i < 3000; i++) window.add(BigInt(i));
  expect(window.min).toBe(BigInt(3000 - 1024));
});

test("skew and round trip follow from both sides' minima", () => {
  const sync = new ClockSync();
  expect(sync.localDeltaNs).toBe(0x7fff_ffff_ffff_ffffn);
  // This side is 1000 ahead; one-way delays are 30 here and 50 there: L = 1030, R = −950.
  sync.add({ receivedNs: 11_030n, sendTimeNs: 10_000n, localDeltaNs: NO_DELTA });
  expect([sync.localDeltaNs, sync.skewNs, sync.roundTripNs]).toEqual([1030n, 0n, 0n]);
  sync.add({ receivedNs: 12_099n, sendTimeNs: 11_000n, localDeltaNs: -950n });
  // (1030 − −950) / 2 = 990 and 1030 + −950 = 80.
  expect([sync.localDeltaNs, sync.skewNs, sync.roundTripNs]).toEqual([1030n, 990n, 80n]);
});

test("the skew is truncated toward zero on both sides of it", () => {
  const skewOf = (local: bigint, remote: bigint): bigint => {
    const sync = new ClockSync();
    sync.add({ receivedNs: 1_000_000n + local, sendTimeNs: 1_000_000n, localDeltaNs: remote });
    return sync.skewNs;
  };
  expect(skewOf(7n, 0n)).toBe(3n);
  expect(skewOf(-7n, 0n)).toBe(-3n);
});

test("a forged send time wraps as int64 does and does no harm", () => {
  const sync = new ClockSync();
  sync.add({ receivedNs: 5n, sendTimeNs: U64_MAX, localDeltaNs: 2n });
  // 5 − (2^64 − 1) is 6 in 64 bits.
  expect(sync.localDeltaNs).toBe(6n);
});

const T = 1_795_450_679_419_767_911n;

test.each<readonly [string, bigint, bigint, bigint]>([
  ["forward", T, 500n, T + 500n],
  ["back", T, -500n, T - 500n],
  ["not at all", T, 0n, T],
  ["an open start is not moved back", 0n, -500n, 0n],
  // max(0, 0 + 500): the rule of the original does move it forward.
  ["an open start moves forward", 0n, 500n, 500n],
  ["an open end is not moved forward", U64_MAX, 500n, U64_MAX],
  ["an open end moves back", U64_MAX, -500n, U64_MAX - 500n],
  ["a late instant stays rather than wrap", U64_MAX - 100n, 500n, U64_MAX - 100n],
  ["an early instant stays rather than wrap", 100n, -500n, 100n],
])("instants shift %s", (_, instant, delta, expected) => {
  expect(shiftInstant(instant, delta)).toBe(expected);
});

test("the send time of a result wraps", () => {
  expect(wrapInstant(T, -500n)).toBe(T - 500n);
  expect(wrapInstant(100n, -500n)).toBe(2n ** 64n - 400n);
});

test("halves add up to the same as whole numbers, for any 64 bits", () => {
  const rng = Rng.of(11, "halves");
  const [whole, halved] = [new ClockSync(), new ClockSync()];
  const any = (): bigint =>
    rng.below(3) === 0
      ? BigInt(rng.below(2 ** 31)) - 2n ** 30n
      : (BigInt(rng.uint32()) << 32n) | BigInt(rng.uint32());
  const high = (value: bigint): number => Number(BigInt.asUintN(64, value) >> 32n);
  const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
  for (let i = 0; i < 5000; i++) {
    const received = BigInt.asUintN(64, any());
    const sent =
      rng.below(2) === 0 ? BigInt.asUintN(64, received - any()) : BigInt.asUintN(64, any());
    const delta = rng.below(10) === 0 ? NO_DELTA : BigInt.asIntN(64, any());
    whole.add({ receivedNs: received, sendTimeNs: sent, localDeltaNs: delta });
    halved.addHalves(high(received), low(received), {
      sendTimeHigh: high(sent),
      sendTimeLow: low(sent),
      localDeltaHigh: high(delta),
      localDeltaLow: low(delta),
    });
    expect(halved.localDeltaNs).toBe(whole.localDeltaNs);
    expect(halved.skewNs).toBe(whole.skewNs);
    expect(halved.roundTripNs).toBe(whole.roundTripNs);
  }
});

test("the minimum of any 64-bit numbers, negative and positive, is the smallest", () => {
  const rng = Rng.of(12, "any");
  const window = new MinWindow();
  const samples: bigint[] = [];
  for (let i = 0; i < 3000; i++) {
    const sample = BigInt.asIntN(64, (BigInt(rng.uint32()) << 32n) | BigInt(rng.below(4)));
    samples.push(sample);
    window.add(sample);
    let expected = sample;
    for (const each of samples.slice(-1024)) if (each < expected) expected = each;
    expect(window.min).toBe(expected);
  }
});
