/** The journal of a results folder (SQLite): every state change of every run is on disk before it is acted on. */
import { Database } from "bun:sqlite";
import type { RunState } from "#telemetry/results.ts";

const JOURNAL_SCHEMA_VERSION = 1;

/** A second runner waits this long for the first one's write before it gives up. */
const BUSY_LIMIT_MS = 5000;

/** One state change; instants are decimal strings of ns since the Unix epoch. */
export interface Transition {
  readonly runIndex: number;
  /** 1 for the first execution of a run; each `--resume` that redoes it counts one up. */
  readonly attempt: number;
  readonly state: RunState;
  readonly atNs: string;
  /** Why, for failed and interrupted runs and for runs that are done again; "" otherwise. */
  readonly reason: string;
}

/** A runner that worked on the results folder. */
export interface RunnerRecord {
  readonly pid: number;
  /** The kernel's start time of the process in ticks: the pid alone may have been used again. */
  readonly startTicks: number;
  readonly startedNs: string;
  /** Null while it runs, and when it was killed. */
  readonly endedNs: string | null;
  /** Version control revision of the code, and whether it had uncommitted changes; "" when unknown. */
  readonly revision: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS transitions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_index INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    at_ns TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS runners (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    started_ns TEXT NOT NULL,
    ended_ns TEXT,
    revision TEXT NOT NULL
  ) STRICT;
`;

interface TransitionRow {
  readonly run_index: number;
  readonly attempt: number;
  readonly state: RunState;
  readonly at_ns: string;
  readonly reason: string;
}

interface RunnerRow {
  readonly pid: number;
  readonly start_ticks: number;
  readonly started_ns: string;
  readonly ended_ns: string | null;
  readonly revision: string;
}

/** Open until `close`. Writing throws when the disk is full or the file was damaged. */
export class Journal {
  readonly #database: Database;
  #runnerSeq: number | null = null;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Opens or creates a journal; throws when the file is no journal or was written by a newer version. */
  static open(path: string): Journal {
    const database = new Database(path, { create: true, strict: true });
    try {
      database.run(`PRAGMA busy_timeout = ${BUSY_LIMIT_MS}`);
      database.run("PRAGMA journal_mode = WAL");
      // Each commit reaches the disk: a state change must survive the machine's end too.
      database.run("PRAGMA synchronous = FULL");
      database.run(SCHEMA);
      database
        .query("INSERT OR IGNORE INTO meta VALUES ('schema_version', $version)")
        .run({ version: String(JOURNAL_SCHEMA_VERSION) });
      const stored = database
        .query<{ value: string }, []>("SELECT value FROM meta WHERE key = 'schema_version'")
        .get();
      if (Number(stored?.value) > JOURNAL_SCHEMA_VERSION) {
        throw new Error(`${path} was written by a newer version (schema ${stored?.value})`);
      }
    } catch (error) {
      database.close();
      throw error;
    }
    return new Journal(database);
  }

  /** Returns once the change is on disk. */
  record(transition: Transition): void {
    this.#database
      .query(
        "INSERT INTO transitions (run_index, attempt, state, at_ns, reason) VALUES ($runIndex, $attempt, $state, $atNs, $reason)",
      )
      .run({ ...transition });
  }

  /** Returns once all of them are on disk, or none of them is: as fast as one. */
  recordAll(transitions: readonly Transition[]): void {
    this.#database.transaction(() => {
      for (const transition of transitions) this.record(transition);
    })();
  }

  /** Every change, oldest first. */
  transitions(): readonly Transition[] {
    const rows = this.#database
      .query<TransitionRow, []>(
        "SELECT run_index, attempt, state, at_ns, reason FROM transitions ORDER BY seq",
      )
      .all();
    return rows.map((row) => ({
      runIndex: row.run_index,
      attempt: row.attempt,
      state: row.state,
      atNs: row.at_ns,
      reason: row.reason,
    }));
  }

  /** The last change of each run that has any, by index. */
  latest(): ReadonlyMap<number, Transition> {
    return new Map(this.transitions().map((transition) => [transition.runIndex, transition]));
  }

  /** Enters a runner unless `isRunning` says that one entered earlier still is; returns that one, or null. */
  enterRunner(
    runner: Omit<RunnerRecord, "endedNs">,
    isRunning: (runner: RunnerRecord) => boolean,
  ): RunnerRecord | null {
    const enter = this.#database.transaction((): RunnerRecord | null => {
      const other = this.runners().find((each) => each.endedNs === null && isRunning(each));
      if (other !== undefined) return other;
      const { lastInsertRowid } = this.#database
        .query(
          "INSERT INTO runners (pid, start_ticks, started_ns, revision) VALUES ($pid, $startTicks, $startedNs, $revision)",
        )
        .run({ ...runner });
      this.#runnerSeq = Number(lastInsertRowid);
      return null;
    });
    // The write lock is taken before looking, so that of two runners only one finds the folder free.
    return enter.immediate();
  }

  /** Every runner that entered, oldest first. */
  runners(): readonly RunnerRecord[] {
    const rows = this.#database
      .query<RunnerRow, []>(
        "SELECT pid, start_ticks, started_ns, ended_ns, revision FROM runners ORDER BY seq",
      )
      .all();
    return rows.map((row) => ({
      pid: row.pid,
      startTicks: row.start_ticks,
      startedNs: row.started_ns,
      endedNs: row.ended_ns,
      revision: row.revision,
    }));
  }

  leaveRunner(endedNs: string): void {
    if (this.#runnerSeq === null) return;
    this.#database
      .query("UPDATE runners SET ended_ns = $endedNs WHERE seq = $seq")
      .run({ endedNs, seq: this.#runnerSeq });
    this.#runnerSeq = null;
  }

  /** Folds the write-ahead log into the file, so that the journal is one file again. */
  close(): void {
    try {
      this.#database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.#database.close();
    }
  }
}
