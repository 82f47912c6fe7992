/** Lines that a role prints on standard output for the runner: a marker, a space, one JSON object. Other lines are for people. */

export const STATUS_MARKER = "@escapement";

/** A model instance with the id that the controller gave it, and the size of one uncompressed input. */
export interface StatedModel {
  readonly model: string;
  readonly model_id: number;
  readonly input_bytes: number;
}

/** Instants are decimal strings of ns since the Unix epoch. Counters are totals since the start. */
export type StatusLine =
  /** The role serves (worker, controller) or is connected, loaded and waiting for `start` (client). */
  | {
      readonly event: "ready";
      readonly role: "controller" | "worker" | "client";
      readonly port: number | null;
      readonly models?: readonly StatedModel[];
      /** Of this client's share of the schedule, in the measurement window; null where responses decide. */
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
      readonly at_ns: string;
      readonly scheduled: number;
      readonly sent: number;
      readonly ok: number;
      /** Those of `ok` within their SLO. */
      readonly good: number;
      readonly failed: number;
      readonly unknown: number;
      readonly dropped: number;
      readonly outstanding: number;
      readonly rate_per_s: number;
      readonly goodput_per_s: number;
      readonly p99_ms: number | null;
    }
  /** The last request was sent; outstanding ones are awaited. */
  | { readonly event: "draining"; readonly outstanding: number }
  /** Once a second from every role: how its event loop fared. Longest ones are of the time since the line before. */
  | {
      readonly event: "loop";
      readonly at_ns: string;
      /** Work only: neither waiting nor napping nor idle turns. */
      readonly busy_ns: number;
      readonly turns: number;
      /** The longest stretch in which the loop did not look for messages. */
      readonly stall_max_ns: number;
      /** Stretches longer than 1 ms. */
      readonly stalls: number;
      readonly gc_count: number;
      /** An upper bound; null when none was noticed. */
      readonly gc_pause_max_ns: number | null;
      /** This role's clock minus the peer's, and the shortest round trip that this rests on. */
      readonly clock: readonly {
        readonly peer: string;
        readonly delta_ns: number;
        readonly round_trip_ns: number;
      }[];
    }
  /** Every request has its outcome and the client's log is complete on disk. */
  | {
      readonly event: "drained";
      readonly unknown: number;
      /** Of the measurement window as it was shortened; absent unless sending was ended early. */
      readonly expected_requests?: number | null;
    }
  /** Printed last, before a clean exit. */
  | { readonly event: "log-closed"; readonly log: string; readonly rows: number }
  | { readonly event: "error"; readonly message: string };

/** Commands to a client, one JSON object per line on its standard input. End of input means: stop at once. */
export type ControlLine =
  /** The run's model instances, to a client that loads none itself. */
  | { readonly command: "models"; readonly models: readonly StatedModel[] }
  /** Sending begins at `at_ns`, an instant that all clients of a run share; at once without it. */
  | { readonly command: "start"; readonly at_ns?: string }
  /** Sending ends at `at_ns`: what is due later is never sent, and what is out is awaited. */
  | { readonly command: "finish"; readonly at_ns: string; readonly reason: string }
  | { readonly command: "stop" };

export const formatStatusLine = (line: StatusLine): string =>
  `${STATUS_MARKER} ${JSON.stringify(line)}`;

/** The status in a line of output, or null when the line is for people. Throws on a marked line that is no JSON. */
export const parseStatusLine = (line: string): StatusLine | null =>
  line.startsWith(`${STATUS_MARKER} `)
    ? (JSON.parse(line.slice(STATUS_MARKER.length + 1)) as StatusLine)
    : null;
