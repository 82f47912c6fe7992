/** Rows that say nothing about the system under test, and all the more about whether its measurement can be trusted. */

/** How the load generator's own delays show in the numbers of the measurement window. */
export interface RequestTiming {
  /** Requests due in the window and not dropped, and requests sent in it, whenever they were due. */
  readonly due: number;
  readonly sent: number;
  /** Missed their SLO counted from when they were due, and met it counted from when they were sent. */
  readonly lateMisses: number;
  /** Sent well before they were due, or answered before they were sent. */
  readonly impossible: number;
  /** The fastest way from the controller's write to our read; null without such instants. */
  readonly receiveMinNs: number | null;
  /** In the worst second, a tenth of the requests were sent later than this; null where no second has 20 requests. */
  readonly worstSecondTenthNs: number | null;
}

/** One of ten equal parts of the measurement window. */
export interface SegmentRow {
  readonly scheduled: number;
  readonly good: number;
  /** Null without successful requests. */
  readonly latencyP50Ns: number | null;
  /** Requests that arrived at the controller, and those of them whose model no worker held. */
  readonly arrived: number;
  readonly cold: number;
}

export interface ActionStatusRow {
  readonly status: number;
  readonly count: number;
}

/** What the logs of one run say of each other, over the whole run; null where a log is missing. */
export interface Reconciliation {
  readonly clients: number;
  /** Connections whose requests were executed. */
  readonly connections: number | null;
  /** Rows that repeat the key of another. */
  readonly clientDoubles: number | null;
  readonly requestDoubles: number | null;
  readonly actionDoubles: number | null;
  readonly batchDoubles: number | null;
  /** Numbers that no row has, between the first and the last; the controller's begin at 0. */
  readonly clientGaps: number | null;
  readonly requestGaps: number | null;
  /** Requests in the batch log, those of them that no client's log has, and requests answered well that it lacks. */
  readonly batched: number | null;
  readonly onlyBatched: number | null;
  readonly onlyOk: number | null;
  /** Medians of the ways from client to controller and back, by the clocks of both; below 0 where these disagree. */
  readonly outMedianNs: number | null;
  readonly backMedianNs: number | null;
  /** What 1 % of the ways from client to controller exceeded. */
  readonly outP99Ns: number | null;
}

/** All of it for one run. */
export interface RunEvidence {
  readonly timing: RequestTiming | null;
  readonly segments: readonly SegmentRow[];
  readonly actionStatuses: readonly ActionStatusRow[];
  readonly reconciliation: Reconciliation | null;
}
