/** The tables on hosts and roles: shares of the right whole, dashes for what was not measured. */
import { describe, expect, test } from "bun:test";
import type { RunAnalysis } from "#query/analysis.ts";
import { machineSection } from "#report/machine.ts";
import type { ReportInput } from "#report/model.ts";
import { SOUND_HOST, SOUND_LOOP, SOUND_PROCESS, SOUND_RUN } from "../support/examined-run.ts";

const inputOf = (health: RunAnalysis["health"], count = 1): ReportInput =>
  ({
    analysis: { kind: "ours" },
    repetitions: count,
    runs: Array.from({ length: count }, (_, index) => ({
      analysis: { ...SOUND_RUN, index, health },
      point: [],
      repetition: index + 1,
      isDone: true,
      verdict: "VALID",
      findings: [],
    })),
  }) as unknown as ReportInput;

const cellsOf = (text: string, name: string): readonly string[] =>
  (text.split("\n").find((line) => line.includes(`| ${name}`)) ?? "")
    .split("|")
    .map((cell) => cell.trim())
    .slice(2, -1);

describe("machineSection", () => {
  test("hosts: processor time against all processors, pressure against the window", () => {
    const host = { ...SOUND_HOST, stealNs: 0.2e9, throttledNs: null };
    const text = machineSection(inputOf({ hosts: [host], processes: [], loops: [] }));
    // 8 s busy and 0.2 s stolen of 2 × 10 s; 1 s of pressure of 10 s.
    expect(cellsOf(text, "bench1")).toEqual([
      "bench1",
      "40.00 %",
      "1.00 %",
      "10.00 %",
      "0 %",
      "1.00 %",
      "–",
      "120 ms",
    ]);
  });

  test("roles: what was sampled and what they said, each with what is there", () => {
    const processes = [SOUND_PROCESS, { ...SOUND_PROCESS, process: "worker0", runDelayNs: null }];
    const text = machineSection(inputOf({ hosts: [], processes, loops: [SOUND_LOOP] }));
    // 1 s of work in 9 s; 0.2 s without a processor in a window of 10 s.
    expect(cellsOf(text, "client0")).toEqual([
      "client0",
      "11.11 %",
      "5.00 ms",
      "2.00 ms",
      "2.00 %",
      "5.00 ms",
      "95.4 MiB",
      "20.0 µs",
    ]);
    expect(cellsOf(text, "worker0")).toEqual([
      "worker0",
      "–",
      "–",
      "–",
      "–",
      "5.00 ms",
      "95.4 MiB",
      "–",
    ]);
  });

  test("nothing where nothing was sampled, and folded where there is much", () => {
    expect(machineSection(inputOf(null))).toBe("");
    const health = { hosts: [SOUND_HOST], processes: [SOUND_PROCESS], loops: [SOUND_LOOP] };
    expect(machineSection(inputOf(health, 12))).not.toContain("<details>");
    expect(machineSection(inputOf(health, 13))).toContain("All roles (13)");
  });
});
