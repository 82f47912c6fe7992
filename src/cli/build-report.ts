/** Builds the report of one results folder; the `report` command and the end of an experiment both call it. */

export interface BuildReportOptions {
  /** A results folder of ours, or any folder that holds Clockwork logs (never written to). */
  readonly folder: string;
  /** Where the report goes; a results folder of ours keeps it in its own `derived/` when absent. */
  readonly outDir?: string;
}

export interface BuiltReport {
  /** The report a person should open: the results folder's `report.md`. */
  readonly reportPath: string;
  /** A few plain lines for the terminal: headline numbers, checks, runs that are not done. */
  readonly summaryLines: readonly string[];
  readonly checksPassed: number;
  /** Checks that do not hold or could not be evaluated. */
  readonly checksFailed: number;
  /** Runs whose final state is not `done`. */
  readonly runsFailed: number;
}

/** Reads, reconciles, computes, judges and writes the report; throws `UserError` (BAD_INPUT) for folders without logs. */
export const buildReport = async (_options: BuildReportOptions): Promise<BuiltReport> => {
  throw new Error("buildReport is being written");
};
