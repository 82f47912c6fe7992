/** A command that `bun run` started ends with it: a person who kills the process they see expects nothing to go on. */
import process from "node:process";
import type { CliContext } from "#cli/context.ts";

/** How soon a killed launcher is noticed. */
const LOOK_MS = 200;
/** Between requests to end: in order, at once, and leaving the rest to the supervisor; all of it stays below 5 s. */
const REPEAT_MS = 1000;

/** Sends this process SIGTERM, as often as it takes, once the `bun run` that started it is gone; idle without one. */
export const followLauncher = (env: CliContext["env"], script: string): void => {
  // Only `bun run` itself sets this name for its child; anyone else's end may leave us running on purpose.
  if (env["npm_lifecycle_event"] !== script) return;
  const launcherPid = process.ppid;
  const end = (): void => void process.kill(process.pid, "SIGTERM");
  const look = setInterval(() => {
    if (process.ppid === launcherPid) return;
    clearInterval(look);
    end();
    setInterval(end, REPEAT_MS).unref();
  }, LOOK_MS);
  look.unref();
};
