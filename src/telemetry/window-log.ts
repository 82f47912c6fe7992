/** `window_log.tsv`: what the action log leaves out of an action: its window, and how long it waited to be sent. */
import type { ActionRecord } from "#serving/controller/events.ts";
import { ACTION_TYPE } from "#serving/status.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { absolute, type Cell, cellsOf, encodeCells, type LogSchema } from "#telemetry/schema.ts";

/** Relative to building; empty where the window is open. */
const end =
  (of: (r: ActionRecord) => Nanos | null): Cell<ActionRecord> =>
  (r) => {
    const at = of(r);
    return at === null ? "" : at - r.built;
  };

/** One row per action, in completion order; key: action_id. */
export const WINDOW_LOG: LogSchema<ActionRecord> = {
  file: "window_log.tsv",
  title: "Window log",
  writer: "controller",
  grain:
    "one row per action, in completion order, as the action log has them in `documented`; whatever the dialect, rows and ids are these",
  key: "`action_id`",
  columns: [
    {
      name: "action_id",
      duckdbType: "BIGINT",
      unit: "",
      meaning: "the action's id, as in the action log's `documented` dialect",
      cell: (r) => r.actionId,
    },
    {
      name: "action_type",
      duckdbType: "INTEGER",
      unit: "code",
      meaning: "as in the action log",
      cell: (r) => ACTION_TYPE[r.action],
    },
    {
      name: "built_ns",
      duckdbType: "BIGINT",
      unit: "ns since the Unix epoch",
      meaning: "when the controller decided on the action",
      cell: absolute((r) => r.built),
    },
    {
      name: "earliest",
      duckdbType: "BIGINT",
      unit: "ns after built",
      meaning: "from when on the worker may start it; empty: at once",
      cell: end((r) => r.earliest),
    },
    {
      name: "latest",
      duckdbType: "BIGINT",
      unit: "ns after built",
      meaning: "until when the worker may start it; empty: at any time",
      cell: end((r) => r.latest),
    },
    {
      name: "send_wait",
      duckdbType: "BIGINT",
      unit: "ns",
      meaning:
        "how long it waited for its turn before it was handed to the network layer, or (status 45) dropped",
      cell: (r) => r.sent - r.built,
    },
  ],
};

const CELLS = cellsOf(WINDOW_LOG, "documented");

/** One row without its newline. */
export const encodeWindowRow = (record: ActionRecord, epochNs: bigint): string =>
  encodeCells(CELLS, record, epochNs);
