/** `./run test`: `check`, then the integration tests; the last line it prints is "N passed, N failed". */
import { INTEGRATION_SUFFIX, runCheck } from "./check-steps.ts";
import { runStep } from "./step.ts";
import { addTotals, formatTotals, readTotals, settleTotals } from "./totals.ts";

/** With `check` in front, the whole stays below a quarter of an hour. */
const INTEGRATION_MS = 11 * 60_000;

const startedMs = performance.now();
const checked = await runCheck();
console.log("\nintegration tests (real processes and sockets):");
const outcome = await runStep({
  name: "integration",
  command: ["bun", "test", "--timeout=60000", INTEGRATION_SUFFIX],
  timeoutMs: INTEGRATION_MS,
  isLive: true,
});
const totals = addTotals(checked, settleTotals(readTotals(outcome.output), outcome.isOk));
console.log(
  `\ntest: ${totals.failed === 0 ? "all is well" : "FAILED"} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
);
process.exitCode = totals.failed === 0 ? 0 : 1;
console.log(formatTotals(totals));
