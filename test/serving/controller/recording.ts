/** Recorded logs of the original, as a replay wants them: arrivals, counts, and how late everything around it was. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Arrival } from "./replay.ts";

const shared = process.env["ESCAPEMENT_SHARED"] ?? resolve(import.meta.dir, "../../../../shared");
const folder = join(shared, "data/clockwork-telemetry");
export const isAbsent = !existsSync(folder);
if (isAbsent) console.warn(`recorded.test.ts: skipped, no recorded logs in ${folder}`);

/** What is compared: requests by result, weights actions, batches that succeeded by their size. */
export interface Counts {
  readonly results: Readonly<Record<string, number>>;
  readonly loads: number;
  readonly evicts: number;
  readonly batches: Readonly<Record<string, number>>;
}

export interface Recording {
  readonly arrivals: readonly Arrival[];
  readonly results: Readonly<Record<string, number>>;
  readonly batches: Readonly<Record<string, number>>;
  /** The same of actions whose results came before the request log ends; the action log goes on for longer. */
  readonly within: Counts;
  /** Models in the order in which their weights were sent for. */
  readonly loadOrder: readonly number[];
  readonly lags: Lags;
}

/** How late things were, in ns, by the time since the first arrival: as late as what was recorded last before then. */
export interface Lags {
  /** From sending an action until the worker had read it. */
  readonly toWorker: (at: number) => number;
  /** From when the worker could have started a load, or an inference, until it did. */
  readonly load: (at: number) => number;
  readonly infer: (at: number) => number;
  /** From the end of an action on the worker until the controller dealt with its result. */
  readonly back: (at: number) => number;
  /** In a closed loop: from each response until the next request for its model, in order of the responses. */
  readonly client: readonly number[];
}

/** Whole rows only: every recording ends in the middle of one. */
const readRows = (path: string): readonly (readonly string[])[] => {
  const [header = "", ...lines] = readFileSync(path, "utf8").split("\n");
  const width = header.split("\t").length;
  return lines.map((line) => line.split("\t")).filter((cells) => cells.length === width);
};

export const count = (values: readonly (string | number)[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
};

interface Sample {
  readonly at: number;
  readonly value: number;
}

/** The value of the last sample up to an instant; the first one's before that. */
const lookUp = (samples: readonly Sample[]): ((at: number) => number) => {
  const sorted = samples.toSorted((a, b) => a.at - b.at);
  return (at) => {
    let low = 0;
    let high = sorted.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as Sample).at <= at) low = middle;
      else high = middle;
    }
    return Math.max(0, sorted[low]?.value ?? 0);
  };
};

/** Rows of the action log in ns since `first`; dialect "original": `t` is the reception, most others count from `sent`. */
const readLags = (actions: readonly (readonly string[])[], first: bigint): Omit<Lags, "client"> => {
  const rows = actions.map((cells) => {
    const cell = (index: number): number => Number(cells[index]);
    const sent = Number(BigInt(cells[0] as string) - first) - cell(18);
    const end = cell(11) > 0 ? sent + cell(11) : null;
    return {
      kind: cells[2] === "1" ? "load" : cells[2] === "2" ? "infer" : "evict",
      sent,
      received: cell(16) > 0 ? sent + cell(16) : null,
      start: end === null ? null : end - cell(9),
      end,
      // An evict has no end in this dialect, a failure neither.
      ended: end ?? sent + cell(17),
      processed: sent + cell(19),
    };
  });
  const toWorker = lookUp(
    rows.flatMap(({ sent, received }) =>
      received === null ? [] : [{ at: sent, value: received - sent }],
    ),
  );
  const startLags = (kind: string): ((at: number) => number) => {
    const samples: Sample[] = [];
    let free = 0;
    for (const row of rows.toSorted((a, b) => (a.start ?? 0) - (b.start ?? 0))) {
      if (row.kind !== kind || row.start === null || row.end === null) continue;
      // Inferences that succeed do not say when they were received.
      const could = Math.max(free, row.received ?? row.sent + toWorker(row.sent));
      samples.push({ at: could, value: row.start - could });
      free = row.end;
    }
    return lookUp(samples);
  };
  const back = rows.map(({ ended, processed }) => ({ at: ended, value: processed - ended }));
  return { toWorker, load: startLags("load"), infer: startLags("infer"), back: lookUp(back) };
};

/** The requests of one model follow its responses in order. */
const clientLags = (requests: readonly (readonly string[])[], first: bigint): readonly number[] => {
  const rows = requests.map((cells) => {
    const departure = Number(BigInt(cells[0] as string) - first);
    return { modelId: cells[4] as string, arrival: departure - Number(cells[6]), departure };
  });
  const ofModel = new Map<string, number[]>();
  for (const { modelId, arrival } of rows.toSorted((a, b) => a.arrival - b.arrival)) {
    if (!ofModel.has(modelId)) ofModel.set(modelId, []);
    ofModel.get(modelId)?.push(arrival);
  }
  const lags: number[] = [];
  for (const { modelId, departure } of rows.toSorted((a, b) => a.departure - b.departure)) {
    const waiting = ofModel.get(modelId) ?? [];
    const next = waiting.findIndex((arrival) => arrival > departure);
    if (next >= 0) lags.push((waiting.splice(next, 1)[0] as number) - departure);
  }
  return lags;
};

export const readRecording = (name: string): Recording => {
  const requests = readRows(join(folder, name, "clockwork_request_log.tsv"));
  // Dialect "original": t is the departure, so arrival = t − latency.
  const instants = requests.map((cells) => BigInt(cells[0] as string) - BigInt(cells[6] as string));
  const first = instants.reduce((a, b) => (a < b ? a : b));
  const arrivals = requests.map((cells, i) => ({
    at: Number((instants[i] as bigint) - first),
    modelId: Number(cells[4]),
    sloFactor: Number(cells[5]),
  }));
  const actions = readRows(join(folder, name, "clockwork_action_log.tsv"));
  const infers = actions.filter((cells) => cells[2] === "2" && cells[3] === "0");
  const last = requests.reduce((end, [t = "0"]) => (BigInt(t) > end ? BigInt(t) : end), 0n);
  const within = actions.filter(([t = "0"]) => BigInt(t) <= last);
  const isDone = (cells: readonly string[], type: string): boolean =>
    cells[2] === type && cells[3] === "0";
  const results = count(requests.map((cells) => cells[2] as string));
  return {
    within: {
      results,
      loads: within.filter((cells) => isDone(cells, "1")).length,
      evicts: within.filter((cells) => isDone(cells, "3")).length,
      batches: count(
        within.filter((cells) => isDone(cells, "2")).map((cells) => cells[7] as string),
      ),
    },
    arrivals: arrivals.toSorted((a, b) => a.at - b.at),
    results,
    batches: count(infers.map((cells) => cells[7] as string)),
    loadOrder: actions
      .filter((cells) => cells[2] === "1")
      .toSorted((a, b) => Number(a[1]) - Number(b[1]))
      .map((cells) => Number(cells[6])),
    lags: { ...readLags(actions, first), client: clientLags(requests, first) },
  };
};
