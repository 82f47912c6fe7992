/** Writes the requests that a run scheduled, as its load generators logged them, in the order and form of a schedule. */
import { type Database, sqlText } from "#query/database.ts";
import type { StoredRun } from "#telemetry/results.ts";

export interface RecordedSchedule {
  readonly requests: number;
  /** Rows of the log that name a model instance that the run did not load. */
  readonly unknownModels: number;
}

/**
 * Every row of the run's client logs is one request, whatever became of it. Equal instants keep the order in which they
 * were scheduled: each generator counts its requests upwards, and several generators take turns.
 */
const scheduleOf = (run: StoredRun, sendStartNs: string): string => {
  const models = run.models.map(({ model_id: id }, instance) => `(${id}, ${instance})`).join(", ");
  return `select scheduled_ns - ${BigInt(sendStartNs)} as at_ns, instance, user_id as "user", "class"
    from (select *, row_number() over (partition by client_id order by user_request_id) as turn
      from client where run = ${run.index}) c
    left join (values ${models}) m(model_id, instance) using (model_id)
    order by at_ns, turn, client_id`;
};

/** Writes `path` as CSV; `run` has a window and models. The views of `openViews` must be there. */
export const writeRecordedSchedule = async (
  db: Database,
  run: StoredRun & { readonly window: NonNullable<StoredRun["window"]> },
  path: string,
): Promise<RecordedSchedule> => {
  const schedule = scheduleOf(run, run.window.send_start_ns);
  const [counts] = await db.rows(
    `select count(*) as requests, count(*) filter (instance is null) as unknown from (${schedule})`,
  );
  const requests = Number(counts?.["requests"]);
  const unknownModels = Number(counts?.["unknown"]);
  if (requests > 0 && unknownModels === 0) {
    await db.run(`copy (${schedule}) to ${sqlText(path)} (format csv, header)`);
  }
  return { requests, unknownModels };
};
