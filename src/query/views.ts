/** The normalised views: one form for both dialects, instants as absolute ns, one row ordinal per log. */
import type { DialectReading, LogName, RunWindow } from "#query/analysis.ts";
import { type Database, sqlText } from "#query/database.ts";
import { LOGS } from "#query/logs.ts";

/** What the views need to know of one run. */
export interface ViewedRun {
  readonly index: number;
  readonly name: string;
  readonly state: string;
  readonly dialect: DialectReading | null;
  readonly gpus: number | null;
  readonly window: RunWindow | null;
  readonly view: "client" | "controller" | null;
  /** Parquet files as ingested. */
  readonly parquet: Readonly<Partial<Record<LogName, readonly string[]>>>;
}

const from = (parquet: string): string =>
  `from read_parquet(${sqlText(parquet)}, file_row_number=true)`;

/** `t` is the arrival in `documented`, the departure in `original`. */
const selectRequests = (run: ViewedRun, parquet: string): string => {
  const isOriginal = run.dialect?.dialect === "original";
  return `select ${run.index} as run, file_row_number + 1 as ordinal, request_id, result, user_id,
    model_id, slo_factor,
    ${isOriginal ? "t - latency" : "t"} as arrival_ns,
    ${isOriginal ? "t" : "t + latency"} as departure_ns,
    latency as latency_ns,
    case when deadline >= 0 then deadline end as slo_ns,
    deadline_met as met, arrival_count, departure_count,
    ${isOriginal ? "arrival_count = 0 and result <> 1" : "is_coldstart"} as is_cold
    ${from(parquet)}`;
};

const ACTION_NAMES = `case action_type when 0 then 'load_model' when 1 then 'load' when 2 then 'infer'
    when 3 then 'evict' when 4 then 'clear_cache' when 5 then 'get_worker_state' else 'other' end`;

/** `t` is the sending in `documented`, the receipt in `original`, where goodput is in useful nanoseconds. */
const selectActions = (run: ViewedRun, parquet: string): string => {
  const isOriginal = run.dialect?.dialect === "original";
  const fraction = isOriginal
    ? "case when worker_exec_duration > 0 then goodput / worker_exec_duration else 0 end"
    : "goodput";
  return `select ${run.index} as run, file_row_number + 1 as ordinal, action_id,
    ${ACTION_NAMES} as action, status, worker_id, gpu_id, model_id, batch_size,
    ${isOriginal ? "t - controller_result_enqueue" : "t"} as sent_ns,
    ${isOriginal ? "t" : "t + controller_result_enqueue"} as received_ns,
    ${isOriginal ? "t - controller_result_enqueue" : "t"} + controller_action_duration as processed_ns,
    expected_exec_duration as expected_duration_ns,
    worker_exec_duration as duration_ns,
    expected_exec_complete as expected_complete_after_ns,
    worker_exec_complete as complete_after_ns,
    worker_action_received as worker_received_after_ns,
    worker_result_sent as worker_result_sent_after_ns,
    worker_copy_output_complete as copy_output_complete_after_ns,
    case when action_type = 2 then round(${fraction} * batch_size)::BIGINT end as good_requests,
    requests_queued, copies_loaded
    ${from(parquet)}`;
};

const selectClient = (run: ViewedRun, parquet: string): string =>
  `select ${run.index} as run, file_row_number + 1 as ordinal, client_id, user_request_id, model_id,
    user_id, "class", scheduled_ns, sent_ns, received_ns, outcome, result, slo_ns,
    received_ns - scheduled_ns as latency_ns, received_ns - sent_ns as service_time_ns,
    sent_ns - scheduled_ns as send_lateness_ns, response_sent_ns,
    received_ns - response_sent_ns as receive_lateness_ns
    ${from(parquet)}`;

const selectAsLogged = (run: ViewedRun, parquet: string): string =>
  `select ${run.index} as run, file_row_number + 1 as ordinal, * exclude (file_row_number)
    ${from(parquet)}`;

const SELECTS: Readonly<Record<LogName, (run: ViewedRun, parquet: string) => string>> = {
  requests: selectRequests,
  actions: selectActions,
  client: selectClient,
  batches: selectAsLogged,
  action_windows: selectAsLogged,
  hosts: selectAsLogged,
  processes: selectAsLogged,
  loops: selectAsLogged,
};

const columnsAsLogged = (log: LogName): string => {
  const columns = LOGS.find(({ name }) => name === log)?.columns ?? [];
  return ["ordinal BIGINT", ...columns.map(({ name, type }) => `"${name}" ${type}`)].join(", ");
};

/** Empty views keep their columns, so that a metric over a log that no run has yields no rows and not an error. */
const EMPTY_COLUMNS: Readonly<Record<LogName, string>> = {
  requests:
    "ordinal BIGINT, request_id BIGINT, result INTEGER, user_id BIGINT, model_id BIGINT, slo_factor FLOAT, arrival_ns BIGINT, departure_ns BIGINT, latency_ns BIGINT, slo_ns BIGINT, met BOOLEAN, arrival_count BIGINT, departure_count BIGINT, is_cold BOOLEAN",
  actions:
    "ordinal BIGINT, action_id BIGINT, action VARCHAR, status INTEGER, worker_id BIGINT, gpu_id BIGINT, model_id BIGINT, batch_size BIGINT, sent_ns BIGINT, received_ns BIGINT, processed_ns BIGINT, expected_duration_ns BIGINT, duration_ns BIGINT, expected_complete_after_ns BIGINT, complete_after_ns BIGINT, worker_received_after_ns BIGINT, worker_result_sent_after_ns BIGINT, copy_output_complete_after_ns BIGINT, good_requests BIGINT, requests_queued BIGINT, copies_loaded BIGINT",
  client:
    'ordinal BIGINT, client_id BIGINT, user_request_id BIGINT, model_id BIGINT, user_id BIGINT, "class" VARCHAR, scheduled_ns BIGINT, sent_ns BIGINT, received_ns BIGINT, outcome VARCHAR, result INTEGER, slo_ns BIGINT, latency_ns BIGINT, service_time_ns BIGINT, send_lateness_ns BIGINT, response_sent_ns BIGINT, receive_lateness_ns BIGINT',
  batches: columnsAsLogged("batches"),
  action_windows: columnsAsLogged("action_windows"),
  hosts: columnsAsLogged("hosts"),
  processes: columnsAsLogged("processes"),
  loops: columnsAsLogged("loops"),
};

const createLogView = async (
  db: Database,
  log: LogName,
  runs: readonly ViewedRun[],
): Promise<void> => {
  const selects = runs.flatMap((run) =>
    (run.parquet[log] ?? []).map((parquet) => SELECTS[log](run, parquet)),
  );
  if (selects.length === 0) {
    await db.run(`create or replace table "${log}" (run INTEGER, ${EMPTY_COLUMNS[log]})`);
    return;
  }
  await db.run(`create or replace view "${log}" as ${selects.join("\nunion all\n")}`);
};

const sqlNumber = (value: number | bigint | null): string =>
  value === null ? "null" : String(value);

const runValues = (run: ViewedRun): string => {
  const { window } = run;
  const at = (offset: number | undefined): string =>
    window === null || offset === undefined ? "null" : String(window.epochNs + BigInt(offset));
  return `(${[
    String(run.index),
    sqlText(run.name),
    sqlText(run.state),
    run.dialect === null ? "null" : sqlText(run.dialect.dialect),
    run.view === null ? "null" : sqlText(run.view),
    sqlNumber(run.gpus),
    at(0),
    at(window?.measureStartNs),
    at(window?.measureEndNs),
    at(window?.sendEndNs),
  ].join(", ")})`;
};

/** One row per run; instants are absolute ns. */
const createRuns = async (db: Database, runs: readonly ViewedRun[]): Promise<void> => {
  await db.run(`create or replace table runs (run INTEGER, name VARCHAR, state VARCHAR, dialect VARCHAR,
    request_view VARCHAR, gpus BIGINT, send_start_ns BIGINT, measure_start_ns BIGINT,
    measure_end_ns BIGINT, send_end_ns BIGINT)`);
  if (runs.length > 0) {
    await db.run(`insert into runs values ${runs.map(runValues).join(",\n")}`);
  }
};

/**
 * The requests that metrics are about, from the client's log where there is one, else from the controller's:
 * there a request counts as scheduled when it arrived, and every result but 0 as a failure.
 */
const LOAD_VIEW = `create or replace view load as
  select c.run, scheduled_ns, sent_ns, received_ns, latency_ns, service_time_ns, send_lateness_ns,
    receive_lateness_ns, outcome, result, slo_ns, model_id,
    coalesce(outcome = 'ok' and (slo_ns is null or latency_ns <= slo_ns), false) as good
  from client c join runs r on r.run = c.run and r.request_view = 'client'
  union all
  select q.run, arrival_ns, null, departure_ns, latency_ns, null, null, null,
    case when result = 0 then 'ok' else 'fail' end, result, slo_ns, model_id,
    result = 0 and (slo_ns is null or latency_ns <= slo_ns)
  from requests q join runs r on r.run = q.run and r.request_view = 'controller'`;

const WINDOW_VIEWS = [
  // Every run whose window is known and not empty, whether or not a request fell into it.
  `create or replace view windows as
    select run, measure_start_ns, measure_end_ns, measure_end_ns - measure_start_ns as length_ns, gpus
    from runs where request_view is not null and measure_end_ns > measure_start_ns`,
  `create or replace view measured as
    select load.*, length_ns from load join windows using (run)
    where scheduled_ns >= measure_start_ns and scheduled_ns < measure_end_ns`,
  `create or replace view measured_requests as
    select requests.*, length_ns from requests join windows using (run)
    where arrival_ns >= measure_start_ns and arrival_ns < measure_end_ns`,
  `create or replace view measured_actions as
    select actions.*, length_ns from actions join windows using (run)
    where sent_ns >= measure_start_ns and sent_ns < measure_end_ns`,
];

/** Creates `runs`, a view per log, and the views that the metrics are defined over. */
export const createViews = async (db: Database, runs: readonly ViewedRun[]): Promise<void> => {
  await createRuns(db, runs);
  for (const { name } of LOGS) await createLogView(db, name, runs);
  await db.run(LOAD_VIEW);
  for (const view of WINDOW_VIEWS) await db.run(view);
};
