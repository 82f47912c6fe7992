/** Names results folders: "2026-11-23T0200Z-k3f9" is the minute of the start (UTC) and four random characters. */

/** No vowels, so that no words form, and nothing that looks like something else. */
const ALPHABET = "bcdfghjkmnpqrstvwxz23456789";
const SUFFIX_LENGTH = 4;

/** `random` gives whole numbers from 0 to 2^32 − 1. */
export const newResultsId = (atNs: bigint, random: () => number): string => {
  const minute = new Date(Number(atNs / 1_000_000n)).toISOString().slice(0, 16).replace(":", "");
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => ALPHABET[random() % ALPHABET.length] ?? "b",
  );
  return `${minute}Z-${suffix.join("")}`;
};

export const isResultsId = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d{4}Z-[a-z0-9]{4}$/.test(text);
