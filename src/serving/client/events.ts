/** What goes into and comes out of the load generator's state machine, and the record it leaves for the client log. */
import type { ClientRequest, ClientResponse } from "#serving/messages.ts";
import type { Nanos } from "#stdx/nanos.ts";

export type ClientEvent =
  /** The connection to the controller stands; loading begins. */
  | { readonly kind: "link_up" }
  | { readonly kind: "link_down"; readonly reason: string }
  | {
      readonly kind: "response";
      readonly messageId: number;
      /** When the whole response had been read; at most `now`. */
      readonly received: Nanos;
      /** When the controller sent it, as this client's clock would have shown it. */
      readonly responseSent: Nanos;
      readonly response: ClientResponse;
    }
  /** The network layer took, at `now`, every message up to and including `upTo`. */
  | { readonly kind: "sent"; readonly upTo: number }
  /** The model instances of the run, for a generator that loads none itself. */
  | { readonly kind: "models"; readonly models: readonly LoadedModel[] }
  /** Sending begins at `at`, or a small lead after `now` without it; only valid once ready. */
  | { readonly kind: "start"; readonly at?: Nanos }
  /** Sending ends early: what is due before `at` is still sent, and what is due later is not part of the run. */
  | { readonly kind: "finish"; readonly at: Nanos }
  /** Ends at once: what is outstanding becomes unknown, what is due dropped, what is not due is never scheduled. */
  | { readonly kind: "stop" }
  | { readonly kind: "timer" };

export type ClientEffect =
  /** Messages of one step go out in one write; a `sent` event must follow. */
  | { readonly kind: "send"; readonly messageId: number; readonly request: ClientRequest }
  | { readonly kind: "request_done"; readonly record: ClientRecord }
  | {
      readonly kind: "ready";
      readonly models: readonly LoadedModel[];
      readonly expectedRequests: number | null;
    }
  | ({ readonly kind: "started" } & SendWindow)
  | { readonly kind: "progress"; readonly progress: ClientProgress }
  | { readonly kind: "draining"; readonly outstanding: number }
  /** Every scheduled request has its outcome; nothing more will be sent or recorded. */
  | {
      readonly kind: "drained";
      readonly unknown: number;
      /** Requests expected in the measurement window as it was shortened; absent unless sending ended early. */
      readonly expectedRequests?: number | null;
    }
  /** Something ended the run before its time; `drained` follows if sending had begun. */
  | { readonly kind: "failed"; readonly message: string }
  /** One line for people. */
  | { readonly kind: "print"; readonly line: string };

/** A model instance with the id that the controller gave it; in order of the run's instances. */
export interface LoadedModel {
  readonly model: string;
  readonly modelId: number;
  /** Size of one uncompressed input. */
  readonly inputBytes: number;
}

/** Instants on the client's clock. Requests scheduled in [measureStart, measureEnd) are the measured ones. */
export interface SendWindow {
  readonly sendStart: Nanos;
  readonly measureStart: Nanos;
  readonly measureEnd: Nanos;
  readonly sendEnd: Nanos;
}

/** How a request ended: in full, certainly not, cannot tell, or due but never sent. */
export type Outcome = "ok" | "fail" | "unknown" | "dropped";

/** Everything the client log needs to know of one scheduled request; instants are on the client's clock. */
export interface ClientRecord {
  readonly clientId: number;
  /** The id in the request's header, unique within the client; of a dropped request, the id that it would have had. */
  readonly userRequestId: number;
  readonly modelId: number;
  readonly user: number;
  readonly className: string;
  readonly scheduled: Nanos;
  /** When it was handed to the network layer; null when dropped. */
  readonly sent: Nanos | null;
  /** When its response had been read; null when none was (unknown, dropped). */
  readonly received: Nanos | null;
  /** When the controller sent the response, by the client's clock as far as both are known to agree; null without one. */
  readonly responseSent: Nanos | null;
  readonly outcome: Outcome;
  /** Status of the response; null without one. */
  readonly result: number | null;
  readonly slo: Nanos;
}

/** Totals since the start of sending; rates and p99 over the last interval. */
export interface ClientProgress {
  readonly at: Nanos;
  readonly scheduled: number;
  readonly sent: number;
  readonly ok: number;
  /** Those of `ok` that were answered within their SLO, from the scheduled instant. */
  readonly good: number;
  readonly failed: number;
  readonly unknown: number;
  readonly dropped: number;
  readonly outstanding: number;
  /** Requests sent per second. */
  readonly ratePerS: number;
  /** Requests answered with success within their SLO, from the scheduled instant, per second. */
  readonly goodputPerS: number;
  /** Latency from the scheduled instant of the requests answered with success; null when there were none. */
  readonly latencyP99: Nanos | null;
}
