/** `./run check`: everything a commit must pass (format, lint, types, unused code, tidy and all other unit tests). */
import { runCheck } from "./check-steps.ts";
import { formatTotals } from "./totals.ts";

const startedMs = performance.now();
const totals = await runCheck();
console.log(
  `\ncheck: ${totals.failed === 0 ? "all is well" : "FAILED"} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
);
console.log(formatTotals(totals));
process.exitCode = totals.failed === 0 ? 0 : 1;
