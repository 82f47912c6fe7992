/** A controller that was recorded drives our worker: every field of what ours answers is held against the original's. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type IncomingFrame, RESULTS } from "#wire/messages.ts";
import { RoleProcess } from "../../scripts/bench/role-process.ts";
import { compareFrames } from "./compare.ts";
import { RecordedController } from "./recorded-controller.ts";
import {
  areVectorsAbsent,
  type RecordedSession,
  trimmedSession,
  wholeSession,
} from "./recorded-session.ts";
import { pairKeyOf } from "./recorded-worker.ts";
import { tamperings } from "./tamper.ts";

type Result = IncomingFrame<typeof RESULTS>;

if (areVectorsAbsent)
  console.warn("SKIPPED: our worker under a controller recorded in full; no captures here");

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

/** GPUs and memory as the recorded worker reported them. */
const machineOf = (session: RecordedSession): readonly string[] => {
  const state = session.results
    .map(({ frame }) => frame)
    .find((frame) => frame.name === "GetWorkerStateResult");
  if (state?.name !== "GetWorkerStateResult") throw new Error("no state was recorded");
  const { gpus, pageSize } = state.fields.workerMemoryInfo;
  return [
    "-n",
    String(gpus.length),
    "--weights-cache-bytes",
    String(gpus[0]?.weightsCacheSize),
    "--page-size-bytes",
    String(pageSize),
  ];
};

/** A zoo in which no model has its profile, and one folder has no model. */
const makeBrokenZoo = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "escapement-interop-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "badzoo/resnet50_v2"), { recursive: true });
  mkdirSync(join(dir, "nomeas/resnet50_v2"), { recursive: true });
  for (const end of ["so", "clockwork"])
    writeFileSync(join(dir, `nomeas/resnet50_v2/model.1.${end}`), "");
  return dir;
};

interface Answered {
  readonly recorded: readonly Result[];
  readonly ours: ReadonlyMap<string, Result>;
}

const drive = async (session: RecordedSession, zoo: string | null): Promise<Answered> => {
  const models = zoo === null ? ["--profiles", "recording"] : ["--model-dir", zoo];
  const machine = [...machineOf(session), ...models, "--no-config", "--lifeline"];
  await using worker = new RoleProcess(["worker", "-p", "0", ...machine]);
  const { port } = await worker.status("ready");
  const controller = new RecordedController(port ?? 0, session, zoo ?? undefined);
  cleanups.push(() => controller.close());
  await controller.play();
  const ours = controller.results;
  expect(ours).toHaveLength(session.actions.length);
  // The recording may hold results of actions that were sent before it begins.
  const asked = new Set(session.actions.map(({ frame }) => pairKeyOf(frame)));
  return {
    recorded: session.results
      .map(({ frame }) => frame)
      .filter((frame) => asked.has(pairKeyOf(frame))),
    ours: new Map(ours.map((frame) => [pairKeyOf(frame), frame])),
  };
};

interface Compared {
  readonly differences: readonly string[];
  /** Of the compared ones: those that ended in another way, as a busy machine can bring about. */
  readonly otherwise: readonly string[];
  readonly compared: number;
}

const outcomeOf = (frame: Result): string =>
  frame.name === "ErrorResult" ? `${frame.name} ${frame.fields.status}` : frame.name;

const compare = ({ recorded, ours }: Answered): Compared => {
  const differences: string[] = [];
  const otherwise: string[] = [];
  const paired = new Set<string>();
  let compared = 0;
  for (const theirs of recorded) {
    const key = pairKeyOf(theirs);
    const own = ours.get(key);
    if (own === undefined || paired.has(key)) {
      differences.push(own === undefined ? `no result ${key}` : `two results ${key}`);
      continue;
    }
    paired.add(key);
    compared++;
    if (outcomeOf(own) !== outcomeOf(theirs))
      otherwise.push(`${key}: ${outcomeOf(own)}, recorded ${outcomeOf(theirs)}`);
    else differences.push(...[compareFrames(RESULTS, own, theirs)].filter((each) => each !== null));
  }
  return { differences, otherwise, compared };
};

/** Windows are shifted as they were, but whose turn it is on a full GPU is a matter of microseconds. */
const UNSTEADY = { evict: 260, toolate: 199 };
const STEADY = {
  simple: 160,
  simple_n2: 160,
  slo_i5: 120,
  lateload: 60,
  azure: 200,
  simple_inputs: 12,
  geninputs: 12,
};

test.each(["simple", "simple_n2", "slo_i5", "lateload"])(
  "the trimmed recording %s is answered field by field as the original did",
  async (scenario) => {
    const answered = compare(await drive(trimmedSession(scenario), null));
    expect(answered.differences).toEqual([]);
    expect(answered.compared).toBeGreaterThan(5);
  },
  60_000,
);

describe.skipIf(areVectorsAbsent)("a whole recording", () => {
  test.each(Object.entries(STEADY))(
    "%s: all %d results are those of the original",
    async (scenario, count) => {
      const answered = compare(await drive(wholeSession(scenario), null));
      expect(answered).toEqual({ differences: [], otherwise: [], compared: count });
    },
    60_000,
  );

  test.each(Object.entries(UNSTEADY))(
    "%s: of %d results, those that end in the same way are those of the original",
    async (scenario, count) => {
      const answered = compare(await drive(wholeSession(scenario), null));
      expect(answered.differences).toEqual([]);
      expect(answered.compared).toBe(count);
      expect(answered.otherwise.length).toBeLessThan(count / 3);
    },
    60_000,
  );

  test.each(["loaderr_badpath", "loaderr_nomeas"])(
    "%s: a load fails with the same status and text",
    async (scenario) => {
      const answered = compare(await drive(wholeSession(scenario), makeBrokenZoo()));
      expect(answered).toEqual({ differences: [], otherwise: [], compared: 2 });
    },
    60_000,
  );

  test("one changed byte in any field of what was recorded makes the comparison fail", async () => {
    const session = wholeSession("simple_inputs");
    const answered = await drive(session, null);
    expect(compare(answered).differences).toEqual([]);
    const unnoticed = new Set<string>();
    let noticed = 0;
    for (const [index, frame] of answered.recorded.entries())
      for (const { path, frame: changed } of tamperings<typeof RESULTS>(frame)) {
        const recorded = answered.recorded.with(index, changed);
        const { differences, otherwise } = compare({ ...answered, recorded });
        if (differences.length + otherwise.length > 0) noticed++;
        else unnoticed.add(`${frame.name}.${path}`);
      }
    expect(noticed).toBeGreaterThan(100);
    // Instants of another machine and day, how long that machine took for what no GPU does, and outputs of no model.
    expect([...unnoticed].toSorted()).toEqual([
      "GetWorkerStateResult.action_received",
      "GetWorkerStateResult.result_sent",
      "InferResult.action_received",
      "InferResult.body",
      "InferResult.result_sent",
      "LoadModelFromDiskResult.action_received",
      "LoadModelFromDiskResult.result_sent",
      "LoadModelFromDiskResult.timing.begin",
      "LoadModelFromDiskResult.timing.duration",
      "LoadModelFromDiskResult.timing.end",
      "LoadWeightsResult.action_received",
      "LoadWeightsResult.result_sent",
    ]);
  }, 60_000);
});
