/** Lines that a role prints on standard output for the runner: a marker, a space, one JSON object. Other lines are for people. */

export const STATUS_MARKER = "@escapement";

/** Instants are decimal strings of ns since the Unix epoch. Counters are totals since the start. */
export type StatusLine =
  /** The role serves (worker, controller) or is connected, loaded and waiting for `start` (client). */
  | {
      readonly event: "ready";
      readonly role: "controller" | "worker" | "client";
      readonly port: number | null;
      readonly models?: readonly { readonly model: string; readonly model_id: number }[];
      readonly expected_requests?: number | null;
    }
  /** Where a telemetry log goes; null path when none is written, with the reason. */
  | {
      readonly event: "log";
      readonly log: string;
      readonly path: string | null;
      readonly reason?: string;
    }
  | {
      readonly event: "started";
      readonly send_start_ns: string;
      readonly measure_start_ns: string;
      readonly measure_end_ns: string;
      readonly send_end_ns: string;
    }
  /** About once a second from the client; `p99_ms` and rates over the last interval. */
  | {
      readonly event: "progress";
      readonly scheduled: number;
      readonly sent: number;
      readonly ok: number;
      readonly failed: number;
      readonly dropped: number;
      readonly outstanding: number;
      readonly rate_per_s: number;
      readonly goodput_per_s: number;
      readonly p99_ms: number | null;
    }
  /** The last request was sent; outstanding ones are awaited. */
  | { readonly event: "draining"; readonly outstanding: number }
  /** Every request has its outcome and the client's log is complete on disk. */
  | { readonly event: "drained"; readonly unknown: number }
  /** Printed last, before a clean exit. */
  | { readonly event: "log-closed"; readonly log: string; readonly rows: number }
  | { readonly event: "error"; readonly message: string };

/** Commands to a client, one JSON object per line on its standard input. End of input means: stop at once. */
export type ControlLine = { readonly command: "start" } | { readonly command: "stop" };

export const formatStatusLine = (line: StatusLine): string =>
  `${STATUS_MARKER} ${JSON.stringify(line)}`;

/** The status in a line of output, or null when the line is for people. Throws on a marked line that is no JSON. */
export const parseStatusLine = (line: string): StatusLine | null =>
  line.startsWith(`${STATUS_MARKER} `)
    ? (JSON.parse(line.slice(STATUS_MARKER.length + 1)) as StatusLine)
    : null;
