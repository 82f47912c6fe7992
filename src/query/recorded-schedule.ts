/** Writes the requests that a run scheduled, as its load generators logged them, in the order and form of a schedule. */
import { type Database, sqlText } from "#query/database.ts";

export interface RecordedSchedule {
  readonly requests: number;
  /** Rows of the log that name a model instance that the run did not load. */
  readonly unknownModels: number;
}

/** What of a run says in which order its requests were scheduled. */
export interface RecordableRun {
  readonly index: number;
  readonly sendStartNs: string;
  /** In order of index. */
  readonly modelIds: readonly number[];
  /** Load generators that shared the schedule. */
  readonly generators: number;
  /** Classes of a mix in the order of its parts; none when it was no mix. */
  readonly parts: readonly string[];
}

/**
 * Every row of the run's client logs is one request, whatever became of it. Equal instants keep the order in which they
 * were scheduled: part by part, and within a part (or what is no mix) as it was dealt out; each generator counts its
 * requests upwards, and entry k of part i went to generator (k + i) mod their number.
 */
const scheduleOf = (run: RecordableRun): string => {
  const models = run.modelIds.map((id, instance) => `(${id}, ${instance})`).join(", ");
  const n = run.generators;
  const part =
    run.parts.length === 0
      ? "0"
      : `coalesce(list_position([${run.parts.map(sqlText).join(", ")}], "class") - 1, 0)`;
  return `select scheduled_ns - ${BigInt(run.sendStartNs)} as at_ns, instance, user_id as "user", "class"
    from (select *, row_number() over (partition by client_id, part order by user_request_id) - 1 as turn
      from (select *, ${part} as part from client where run = ${run.index})) c
    left join (values ${models}) m(model_id, instance) using (model_id)
    order by at_ns, part, turn * ${n} + ((client_id - part) % ${n} + ${n}) % ${n}`;
};

/** Writes `path` as CSV. The views of `openViews` must be there. */
export const writeRecordedSchedule = async (
  db: Database,
  run: RecordableRun,
  path: string,
): Promise<RecordedSchedule> => {
  const schedule = scheduleOf(run);
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
