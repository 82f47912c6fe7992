/** Fewer, larger writes from many pieces of a message stream. */

/** Bodies up to this are copied together with their neighbours; one system call costs as much as copying about this. */
const COPIED_BODY_BYTES_MAX = 16 * 2 ** 10;

/** Joins neighbouring small pieces, leaving large ones uncopied. */
export const joinSmall = (pieces: readonly Uint8Array[]): readonly Uint8Array[] => {
  const joined: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  const endRun = (): void => {
    if (run.length > 0) joined.push(run.length === 1 ? (run[0] as Uint8Array) : Buffer.concat(run));
    run = [];
  };
  for (const piece of pieces) {
    if (piece.length <= COPIED_BODY_BYTES_MAX) {
      run.push(piece);
    } else {
      endRun();
      joined.push(piece);
    }
  }
  endRun();
  return joined;
};
