/** A role under a supervisor ends when its standard input does: then whoever started it is gone. */

/** Calls back once when `input` ends or breaks; returns how to stop watching, which lets the process end. */
export const watchLifeline = (input: NodeJS.ReadStream, onEnd: () => void): (() => void) => {
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    onEnd();
  };
  const ignore = (): void => undefined;
  // What comes in means nothing, but it must be read for the end to be seen.
  input.on("data", ignore);
  input.on("end", end);
  input.on("close", end);
  input.on("error", end);
  return () => {
    isOver = true;
    input.off("data", ignore);
    input.destroy();
  };
};
