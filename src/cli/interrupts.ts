/** Ctrl-C and its kin: the first asks for an orderly end, the second for an immediate one, the third gives up. */
import { EXIT } from "#cli/exit-codes.ts";

/** `bun run` passes on a Ctrl-C that the terminal sends to us as well: what follows this soon is the same one. */
const SAME_SIGNAL_MS = 300;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interrupts extends Disposable {
  /** Aborts at the first signal. */
  readonly interrupt: AbortSignal;
  /** Aborts at the second one. */
  readonly force: AbortSignal;
}

/** Until disposed, any of the signals has the last words said and ends the process: for work that can just be done again. */
export const endOnInterrupt = (sayLast: () => void): Disposable => {
  const onSignal = (): void => {
    sayLast();
    process.exit(EXIT.INTERRUPTED);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
};

/** Takes the signals over until disposed; `say` tells the user what happens now. */
export const takeInterrupts = (say: (text: string) => void): Interrupts => {
  const interrupt = new AbortController();
  const force = new AbortController();
  let lastMs = Number.NEGATIVE_INFINITY;
  const onSignal = (): void => {
    const nowMs = performance.now();
    const isSame = nowMs - lastMs < SAME_SIGNAL_MS;
    lastMs = nowMs;
    if (isSame) return;
    if (!interrupt.signal.aborted) {
      say("ending in order; again to end at once");
      interrupt.abort();
    } else if (!force.signal.aborted) {
      say("ending at once");
      force.abort();
    } else {
      // The supervisors notice that their runner is gone and end what is left.
      process.exit(EXIT.INTERRUPTED);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    interrupt: interrupt.signal,
    force: force.signal,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
};
