/** Decides which dialect a run's logs are in: a sidecar of ours says it, otherwise the rows do. */
import type { Dialect, DialectReading } from "#query/analysis.ts";
import { type Database, sqlText } from "#query/database.ts";

export interface DialectEvidence {
  /** What the user says, who has the last word; absent where nothing was said. */
  readonly told?: Dialect;
  readonly stated: Dialect | null;
  /** Parquet files as ingested; null where there is no such log. */
  readonly requests: string | null;
  readonly actions: string | null;
}

const isGoodputInNanoseconds = async (db: Database, actions: string): Promise<boolean> => {
  const [row] = await db.rows(
    `select count(*)::DOUBLE as n from read_parquet(${sqlText(actions)}) where goodput > 1`,
  );
  return Number(row?.["n"]) > 0;
};

/** Actions get their ids in the order of sending, so under the right reading send times rise with the id. */
const risingSteps = async (db: Database, actions: string) => {
  const [row] = await db.rows(`
    with steps as (
      select t - lag(t) over by_id as as_sent,
        (t - controller_result_enqueue) - lag(t - controller_result_enqueue) over by_id as as_received
      from read_parquet(${sqlText(actions)}, file_row_number=true)
      window by_id as (order by action_id, file_row_number)
    )
    select count(*) filter (as_sent >= 0)::DOUBLE as documented,
      count(*) filter (as_received >= 0)::DOUBLE as original
    from steps`);
  return { documented: Number(row?.["documented"]), original: Number(row?.["original"]) };
};

/** Rows come in completion order, so under the right reading the completion time rarely falls. */
const fallingSteps = async (db: Database, requests: string) => {
  const [row] = await db.rows(`
    with steps as (
      select t - lag(t) over in_file as as_departure,
        (t + latency) - lag(t + latency) over in_file as as_arrival
      from read_parquet(${sqlText(requests)}, file_row_number=true)
      window in_file as (order by file_row_number)
    )
    select count(*) filter (as_departure < 0)::DOUBLE as t_falls,
      count(*) filter (as_arrival < 0)::DOUBLE as sum_falls
    from steps`);
  return { t: Number(row?.["t_falls"]), sum: Number(row?.["sum_falls"]) };
};

const decided = (dialect: DialectReading["dialect"], reason: string): DialectReading => ({
  dialect,
  reason,
  isDecided: true,
});

const readActions = async (db: Database, actions: string): Promise<DialectReading | null> => {
  if (await isGoodputInNanoseconds(db, actions)) {
    return decided("original", "an action's goodput exceeds 1, so it is in nanoseconds");
  }
  const rising = await risingSteps(db, actions);
  if (rising.documented === rising.original) return null;
  const counts = `${rising.documented} as sent, ${rising.original} as received`;
  return rising.original > rising.documented
    ? decided("original", `send times rise with the action id if \`t\` is the receipt (${counts})`)
    : decided(
        "documented",
        `send times rise with the action id if \`t\` is the sending (${counts})`,
      );
};

const readRequests = async (db: Database, requests: string): Promise<DialectReading | null> => {
  const falls = await fallingSteps(db, requests);
  if (falls.t === falls.sum) return null;
  const counts = `\`t\` falls ${falls.t} times, \`t\` + latency ${falls.sum} times`;
  return falls.t < falls.sum
    ? decided("original", `rows are in order of \`t\`, so it is the departure (${counts})`)
    : decided(
        "documented",
        `rows are in order of \`t\` + latency, so \`t\` is the arrival (${counts})`,
      );
};

/** Reads the dialect; `original` is assumed, and said to be, where nothing decides. */
export const readDialect = async (
  db: Database,
  evidence: DialectEvidence,
): Promise<DialectReading> => {
  if (evidence.told !== undefined) return decided(evidence.told, "as told by --dialect");
  if (evidence.stated !== null) return decided(evidence.stated, "stated beside the logs");
  const fromActions = evidence.actions === null ? null : await readActions(db, evidence.actions);
  if (fromActions !== null) return fromActions;
  const fromRequests =
    evidence.requests === null ? null : await readRequests(db, evidence.requests);
  if (fromRequests !== null) return fromRequests;
  return { dialect: "original", reason: "the rows do not decide; assumed", isDecided: false };
};
