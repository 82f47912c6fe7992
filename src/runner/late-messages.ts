/** What is said of processes that did not do in time what the run waited for. */

const seconds = (limitMs: number): string => `${limitMs / 1000} s`;

export const notReady = (late: readonly string[], limitMs: number): string =>
  `${late.join(", ")} not ready within ${seconds(limitMs)} of the launch (limits.launch)`;

export const notStarted = (late: readonly string[], limitMs: number): string =>
  `${late.join(", ")} did not start sending within ${seconds(limitMs)}`;

export const notSent = (late: readonly string[], limitMs: number): string =>
  `${late.join(", ")} had not sent everything ${seconds(limitMs)} after it started`;

export const notFinished = (late: readonly string[], limitMs: number): string =>
  `${late.join(", ")} went on sending for ${seconds(limitMs)} after a stop rule ended the run`;

/** `drainMs` is what the experiment allows, `limitMs` what was waited in all. */
export const notDrained = (late: readonly string[], limitMs: number, drainMs: number): string =>
  `${late.join(", ")} still waited for responses ${seconds(limitMs)} after the last send (limits.drain is ${seconds(drainMs)})`;

export const notEnded = (late: readonly string[], limitMs: number): string =>
  `${late.join(", ")} did not end within ${seconds(limitMs)} of being asked to, so the logs may be incomplete`;
