/** Mistakes in trace files: what is wrong, where, what would be right; and how many more there are. */

/** One mistake in a trace file. */
export interface TraceProblem {
  /** 1-based line of the file. */
  readonly line: number;
  /** Name of the column, or "" when the whole line is meant. */
  readonly column: string;
  /** The offending text, shortened; "" when something is missing. */
  readonly value: string;
  readonly message: string;
  /** What would be right. */
  readonly remedy: string;
}

/** The first mistakes of a trace file and how many more there are. */
export interface TraceProblems {
  readonly problems: readonly TraceProblem[];
  readonly omitted: number;
}

/** Problems listed one by one; the rest is counted. */
export const TRACE_PROBLEM_LIMIT = 20;

/** The problems as lines for people, each with file, line and column. */
export const formatTraceProblems = (path: string, found: TraceProblems): string => {
  const lines = found.problems.map((problem) => {
    const column = problem.column === "" ? "" : `, column ${problem.column}`;
    const value = problem.value === "" ? "" : ` (${JSON.stringify(problem.value)})`;
    return `${path}:${problem.line}${column}: ${problem.message}${value}; ${problem.remedy}`;
  });
  if (found.omitted > 0) lines.push(`${path}: and ${found.omitted} more problems`);
  return lines.join("\n");
};
