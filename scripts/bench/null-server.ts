/** A null controller as a process of its own; prints its port and ends with its standard input. */
import { startClock } from "#host/clock.ts";
import { startNullController } from "#host/null-controller.ts";

process.stdout.write(`${startNullController(startClock()).port}\n`);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
