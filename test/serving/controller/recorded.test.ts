/** The arrivals of recorded runs of the original INFER5, replayed against a worker that keeps exactly to its profile. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { World } from "./world.ts";

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../../shared");
const folder = join(shared, "data/clockwork-telemetry");
const isAbsent = !existsSync(folder);
if (isAbsent) console.warn(`recorded.test.ts: skipped, no recorded logs in ${folder}`);

/** Whole rows only: every recording ends in the middle of one. */
const readRows = (path: string): readonly (readonly string[])[] => {
  const [header = "", ...lines] = readFileSync(path, "utf8").split("\n");
  const width = header.split("\t").length;
  return lines.map((line) => line.split("\t")).filter((cells) => cells.length === width);
};

interface Recording {
  readonly arrivals: readonly { readonly at: number; readonly modelId: number }[];
  readonly results: Readonly<Record<string, number>>;
  readonly batches: Readonly<Record<string, number>>;
}

const count = (values: readonly (string | number)[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
};

const readRecording = (name: string): Recording => {
  const requests = readRows(join(folder, name, "clockwork_request_log.tsv"));
  // Dialect "original": t is the departure, so arrival = t − latency.
  const instants = requests.map((cells) => BigInt(cells[0] as string) - BigInt(cells[6] as string));
  const first = instants.reduce((a, b) => (a < b ? a : b));
  const arrivals = requests.map((cells, i) => ({
    at: Number((instants[i] as bigint) - first),
    modelId: Number(cells[4]),
  }));
  const actions = readRows(join(folder, name, "clockwork_action_log.tsv"));
  const infers = actions.filter((cells) => cells[2] === "2" && cells[3] === "0");
  return {
    arrivals: arrivals.toSorted((a, b) => a.at - b.at),
    results: count(requests.map((cells) => cells[2] as string)),
    batches: count(infers.map((cells) => cells[7] as string)),
  };
};

/** 150 us each way is about what the recordings show between sending an action and its reception. */
const NETWORK_NS = 150_000;

const replay = (recording: Recording, copies: number): World => {
  const world = new World({ networkNs: NETWORK_NS });
  const start = world.startUp([{ path: "/zoo/resnet50_v2/model", copies }]) + 1_000_000;
  for (const { at, modelId } of recording.arrivals)
    world.at(start + at, () => world.infer(modelId));
  world.run(start + (recording.arrivals.at(-1)?.at ?? 0) + 1_000_000_000);
  return world;
};

describe.skipIf(isAbsent)("recorded arrivals", () => {
  test("poisson-infer5-1gpu: all succeed, nearly always alone", () => {
    const recording = readRecording("poisson-infer5-1gpu");
    const world = replay(recording, 10);
    const results = count(world.requests.map(({ result }) => result));
    const infers = world.actions.filter(({ action, status }) => action === "infer" && status === 0);
    const batches = count(infers.map(({ batchSize }) => batchSize));
    // Recorded: 2639 of 2647 succeed (8 fail with 81: a worker process that was not scheduled); here none is late.
    expect(recording.results).toEqual({ "0": 2639, "81": 8 });
    expect(results).toEqual({ "0": 2647 });
    // Recorded: 2658 batches of 1 and 24 of 2 (in the log's last seconds more actions than requests were written).
    expect(recording.batches).toEqual({ "1": 2658, "2": 24 });
    // Within 2 % for batches of 1. Batches of 2 form when a worker lags: at most as many as recorded.
    expect(Math.abs((batches["1"] ?? 0) / 2658 - 1)).toBeLessThan(0.02);
    expect(batches["2"] ?? 0).toBeLessThanOrEqual(24);
    expect(Object.keys(batches).every((size) => Number(size) <= 2)).toBe(true);
    expect(world.actions.filter(({ action }) => action === "load_weights").length).toBe(10);
  });

  test("closedloop-infer5-1gpu: the same share succeeds, in batches of 8", () => {
    const recording = readRecording("closedloop-infer5-1gpu");
    const world = replay(recording, 15);
    const results = count(world.requests.map(({ result }) => result));
    // Recorded: 10584 succeed, 25996 time out, 8 fail. A perfect worker serves a little more: within 4 %.
    expect(recording.results).toEqual({ "0": 10_584, "4": 25_996, "81": 8 });
    expect(Math.abs((results["0"] ?? 0) / 10_584 - 1)).toBeLessThan(0.04);
    expect(Math.abs((results["4"] ?? 0) / 25_996 - 1)).toBeLessThan(0.02);
    expect((results["0"] ?? 0) + (results["4"] ?? 0)).toBe(recording.arrivals.length);
    const infers = world.actions.filter(({ action, status }) => action === "infer" && status === 0);
    const batches = count(infers.map(({ batchSize }) => batchSize));
    // Recorded: 1301 of 8 and 4 of 4.
    expect(recording.batches).toEqual({ "4": 4, "8": 1301 });
    expect(Math.abs((batches["8"] ?? 0) / 1301 - 1)).toBeLessThan(0.05);
    expect(infers.length - (batches["8"] ?? 0)).toBeLessThan(0.01 * infers.length);
    expect(world.actions.filter(({ action }) => action === "load_weights").length).toBe(15);
  });
});
