/** The rules that end a run early, in words, for the plan and the report. */
import type { PlannedRun } from "#experiment/resolved.ts";
import { formatDuration } from "#stdx/quantity.ts";

const percent = (share: number): string => `${Number((100 * share).toFixed(3))} %`;

/** One line for each rule; none for a run that nothing ends early. */
export const stopLines = ({ stop = {} }: Pick<PlannedRun, "stop">): readonly string[] => {
  const { errorBudget, goodput, outstanding } = stop;
  const lines: string[] = [];
  if (errorBudget !== undefined) {
    const share = `more than ${percent(errorBudget.share)} of the requests that ended`;
    lines.push(
      `if in ${formatDuration(errorBudget.overNs)} ${share} failed, got no answer or were dropped`,
    );
  }
  if (goodput !== undefined) {
    const due = `fewer than ${percent(goodput.atLeast)} of those that were scheduled`;
    lines.push(
      `if in ${formatDuration(goodput.overNs)} the requests answered within their SLO are ${due}`,
    );
  }
  if (outstanding !== undefined) {
    const most = outstanding.atMost.toLocaleString("en-US");
    lines.push(
      `if for ${formatDuration(outstanding.overNs)} more than ${most} requests are outstanding`,
    );
  }
  return lines;
};
