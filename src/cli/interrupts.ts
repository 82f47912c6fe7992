/** Ctrl-C and its kin: the first asks for an orderly end, the second for an immediate one, the third gives up. */
import { EXIT } from "#cli/exit-codes.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interrupts extends Disposable {
  /** Aborts at the first signal. */
  readonly interrupt: AbortSignal;
  /** Aborts at the second one. */
  readonly force: AbortSignal;
}

/** Takes the signals over until disposed; `say` tells the user what happens now. */
export const takeInterrupts = (say: (text: string) => void): Interrupts => {
  const interrupt = new AbortController();
  const force = new AbortController();
  const onSignal = (): void => {
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
