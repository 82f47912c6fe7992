/** Text that a peer sent, made fit to be printed. */

/** The same text on one line: line breaks and other control characters become "?", so that nobody can forge lines. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");
