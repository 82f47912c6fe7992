/** The controller benchmark's options, its table, and the figures of the original that it compares with. */
import { expect, test } from "bun:test";
import { type CapacityFigures, formatCapacity } from "../../scripts/bench/capacity-table.ts";
import { readCapacityOptions } from "../../scripts/bench/clockwork-capacity.ts";

const FIGURES: CapacityFigures = {
  responses_per_s: 2500,
  goodput_per_s: 780,
  in_slo_percent: 30.94,
  p50_ms: 90,
  p99_ms: 98,
  p999_ms: 99,
  max_ms: 100,
  controller_cores: 1.2,
  worker_cores: 0.1,
  client_cores: 0.2,
  controller_mb: 80,
};

test("options choose rows, and bad ones are refused with the usage", () => {
  const all = readCapacityOptions([]);
  if (typeof all === "string") throw new Error(all);
  // 2 schedulers × 3 loads × 4 numbers of GPUs, and the two rows without scheduling.
  expect(all.rows).toHaveLength(26);
  expect(all.seconds).toBe(8);
  expect(
    readCapacityOptions([
      "--types",
      "INFER5",
      "--gpus",
      "4",
      "--loads",
      "idle,open",
      "--seconds",
      "2",
    ]),
  ).toEqual({
    rows: [
      { scheduler: "INFER5", gpus: 4, load: "open" },
      { scheduler: "INFER5", gpus: 1, load: "idle" },
    ],
    seconds: 2,
  });
  for (const bad of [
    ["--types", "SMART"],
    ["--gpus", "3"],
    ["--loads", "half"],
    ["--seconds", "0"],
    ["--what"],
  ])
    expect(readCapacityOptions(bad)).toContain("usage: ./run bench controller");
});

test("every scheduled row has the original's figures beside it", () => {
  const all = readCapacityOptions([]);
  if (typeof all === "string") throw new Error(all);
  for (const row of all.rows) {
    const text = formatCapacity([{ row, runs: [FIGURES] }]);
    expect(text, JSON.stringify(row)).toContain("| original |");
    // Goodput, share, p99 and processor time; responses and processor time; processor time.
    const goals = row.load === "echo" ? 2 : row.load === "idle" ? 1 : 4;
    expect(text).toContain(`Of ${goals} goals`);
  }
});

test("a figure meets its goal, lies within the original's runs, or misses it", () => {
  const row = { scheduler: "INFER4", gpus: 1, load: "closed" } as const;
  const lines = formatCapacity([{ row, runs: [FIGURES] }]).split("\n");
  // The original: goodput 774, 30.9 (30.8-31.1) %, p99 97.2 (96.9-100.1), 0.93 (0.93-0.94) cores.
  expect(lines[2]).toBe(
    "| INFER4 | 1 | closed | ours | 1 | 2500 (2500-2500) | 780 (780-780) ✓ | 30.9 (30.9-30.9) ✓ | 90.0 (90.0-90.0) | 98.0 (98.0-98.0) ≈ | 99.0 (99.0-99.0) | 100.0 (100.0-100.0) | 1.20 (1.20-1.20) ✗ | 0.10 (0.10-0.10) | 0.20 (0.20-0.20) | 80 (80-80) |",
  );
  expect(lines[3]).toStartWith("|  |  |  | original | 3 | 2502 (2501-2503) | 774 (770-778) |");
  expect(lines.slice(5)).toEqual([
    "Of 4 goals 2 are met (✓), 1 lie within the range of the original's runs (≈), 1 are missed (✗).",
    "- ≈ INFER4, 1 GPUs, closed: p99 98.0 (98.0-98.0), the original's 97.2 (96.9-100.1)",
    "- ✗ INFER4, 1 GPUs, closed: controller cores 1.20 (1.20-1.20), the original's 0.93 (0.93-0.94)",
  ]);
});

test("a row without one success says nothing of latency", () => {
  const row = { scheduler: "INFER4", gpus: 1, load: "closed" } as const;
  const none = { p50_ms: null, p99_ms: null, p999_ms: null, max_ms: null };
  const text = formatCapacity([{ row, runs: [{ ...FIGURES, ...none }] }]);
  expect(text.split("\n")[2]).toContain("✓ |  |  |  |  | 1.20");
  expect(text).toContain("Of 3 goals");
});

test("in an open loop, goodput is asked of the arrivals that the seed drew", () => {
  const row = { scheduler: "INFER4", gpus: 2, load: "open" } as const;
  const markOf = (responses: number, goodput: number) => {
    const run = { ...FIGURES, responses_per_s: responses, goodput_per_s: goodput };
    return formatCapacity([{ row, runs: [run] }])
      .split("\n")[2]
      ?.match(/\) (.) \| 30\.9/)?.[1];
  };
  // The original: 1010 (1009-1016) of 1010 in time.
  expect(markOf(1010, 1010)).toBe("✓");
  expect(markOf(990, 990)).toBe("✓");
  expect(markOf(990, 989)).toBe("≈");
  expect(markOf(990, 980)).toBe("✗");
  // More arrivals excuse nothing.
  expect(markOf(1100, 1000)).toBe("✗");
});
