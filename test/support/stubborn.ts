/** Command lines of processes that are hard to end; each prints "up" once it is as stubborn as it gets. */

/** Says so and waits; ends at SIGTERM. */
export const MEEK = ["sh", "-c", "echo up; exec sleep 1000"] as const;

export const IGNORES_TERM = [
  "sh",
  "-c",
  'trap "" TERM; echo up; while :; do sleep 1; done',
] as const;

/** The child leads a session of its own and ignores SIGTERM; the parent stays. */
export const CALLS_SETSID = [
  "sh",
  "-c",
  "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' & wait",
] as const;

/** Parent and middle process end at once, so that only an orphan in a session of its own is left. */
export const FORKS_TWICE = [
  "sh",
  "-c",
  "(setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' &) ; sleep 0.2",
] as const;

/** An orphan without the environment that it was started with. */
export const FORKS_TWICE_WITHOUT_ENVIRONMENT = [
  "sh",
  "-c",
  "(setsid env -i /bin/sh -c 'trap \"\" TERM; echo up; while :; do /bin/sleep 1; done' &) ; sleep 0.2",
] as const;

export const STUBBORN = {
  "ignores SIGTERM": IGNORES_TERM,
  "calls setsid": CALLS_SETSID,
  "forks twice": FORKS_TWICE,
} as const;
