/** What can go wrong in a run, and which of several things that went wrong together explains the others. */

export interface Fault {
  readonly kind: "disk" | "host" | "launch" | "exit" | "error";
  /** Name of the process, "" when the fault is not one of a process. */
  readonly name: string;
  readonly message: string;
}

/** A full disk makes roles fail, a dead worker makes the controller complain, and both make the client complain. */
const rank = ({ kind, name }: Fault): number => {
  if (kind === "disk") return 0;
  if (kind === "host") return 1;
  if (kind === "launch") return 2;
  const distance = name.startsWith("worker") ? 0 : name.startsWith("controller") ? 1 : 2;
  // What a role says before it ends is worth more than that it ended.
  return 3 + 2 * distance + (kind === "error" ? 0 : 1);
};

/** The fault that most likely caused the others, the first of equals; null without faults. */
export const worstFault = (faults: readonly Fault[]): Fault | null =>
  faults.reduce<Fault | null>(
    (worst, fault) => (worst === null || rank(fault) < rank(worst) ? fault : worst),
    null,
  );
