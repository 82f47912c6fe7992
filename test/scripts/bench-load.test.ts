/** The load benchmark's options and table. */
import { expect, test } from "bun:test";
import { formatLoad, type LoadRow, readLoadOptions } from "../../scripts/bench/generator-load.ts";

test("options have defaults, and bad ones are refused with the usage", () => {
  expect(readLoadOptions([])).toEqual({
    rates: [1000, 10_000, 20_000, 50_000, 100_000],
    seconds: 5,
    arrivals: "poisson",
    pacing: "nap",
  });
  expect(readLoadOptions(["--rates", "5", "--seconds", "0.5", "--arrivals", "constant"])).toEqual({
    rates: [5],
    seconds: 0.5,
    arrivals: "constant",
    pacing: "nap",
  });
  for (const bad of [
    ["--rates", "1,x"],
    ["--seconds", "-1"],
    ["--arrivals", "even"],
    ["--pacing", "hop"],
    ["--what"],
  ])
    expect(readLoadOptions(bad)).toContain("usage: ./run bench load");
});

test("a row is the median of its repetitions, figure by figure", () => {
  const row = (send: number, dropped: number): LoadRow => ({
    pacer: "generator",
    ratePerS: 1000,
    achievedPerS: 999.6,
    deviation: -0.0004,
    send: { p50: send, p99: 2 * send, p999: 3 * send, max: 4 * send },
    receive: { p50: 1, p99: 2, p999: 3, max: 4 },
    cpuShare: 0.5,
    serverCpuShare: 0.25,
    dropped,
  });
  const lines = formatLoad([[row(3000, 0), row(1000, 9), row(2000, 1)]]).split("\n");
  expect(lines[2]).toBe(
    "| 1000 | generator | 1000 | -0.040 % | 2.0 | 4.0 | 6.0 | 8.0 | 0.0 | 0.0 | 0.0 | 50 % | 25 % | 1 |",
  );
});
