/** `loop_log.tsv`: what each role said of its event loop. */
import { cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

type LoopLine = Extract<StatusLine, { readonly event: "loop" }>;

/** One status line of one role. */
export interface LoopRecord {
  readonly process: string;
  readonly line: LoopLine;
}

/** The peer whose clock is furthest from the role's. */
const worstClock = ({ line }: LoopRecord): LoopLine["clock"][number] | null =>
  line.clock.reduce<LoopLine["clock"][number] | null>(
    (worst, each) =>
      worst === null || Math.abs(each.delta_ns) > Math.abs(worst.delta_ns) ? each : worst,
    null,
  );

/** One row per role and second, in the order in which the runner read them; key: (process, t_ns). */
export const LOOP_LOG: LogSchema<LoopRecord> = {
  file: "loop_log.tsv",
  title: "Loop log",
  writer: "runner",
  grain:
    "one row per role and second, from the `loop` status lines that roles print; counts are totals since the role's start, the longest ones are of the time since its row before",
  key: "(`process`, `t_ns`)",
  columns: [
    {
      name: "t_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the role said it, by its own clock",
      cell: (r) => r.line.at_ns,
    },
    {
      name: "process",
      duckdbType: "VARCHAR",
      unit: "",
      meaning: "the process's name, as in `run.json`",
      cell: (r) => r.process,
    },
    {
      name: "busy_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "time in which its event loop worked: handled messages and timers, sent, wrote logs; not waiting, napping or idle turns",
      cell: (r) => r.line.busy_ns,
    },
    {
      name: "turns",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "stretches of such work",
      cell: (r) => r.line.turns,
    },
    {
      name: "stall_max_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "the longest stretch, in which the loop did not look for messages",
      cell: (r) => r.line.stall_max_ns,
    },
    {
      name: "stalls",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "stretches longer than 1 ms",
      cell: (r) => r.line.stalls,
    },
    {
      name: "gc_count",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "collections of garbage that were noticed",
      cell: (r) => r.line.gc_count,
    },
    {
      name: "gc_pause_max_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "an upper bound on the longest pause of a collection during work: the longest step of work in the 20 ms before one was noticed; empty if none was",
      cell: (r) => r.line.gc_pause_max_ns ?? "",
    },
    {
      name: "clock_delta_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "the role's clock minus a peer's, of the peer where that is largest; uncertain by half the round trip; empty without peers",
      cell: (r) => worstClock(r)?.delta_ns ?? "",
    },
    {
      name: "round_trip_ns",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning: "the shortest round trip to that peer so far",
      cell: (r) => worstClock(r)?.round_trip_ns ?? "",
    },
  ],
};

const CELLS = cellsOf(LOOP_LOG, "documented");

/** One row without its newline. */
export const encodeLoopRow = (record: LoopRecord): string => encodeCells(CELLS, record, 0n);
