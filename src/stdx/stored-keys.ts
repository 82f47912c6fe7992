/** Stored JSON has snake_case keys, code has camelCase ones; both directions, deep, values untouched. */

const convert = (value: unknown, key: (name: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => convert(item, key));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [key(name), convert(item, key)]),
  );
};

/** `{ sloNs: 1 }` to `{ slo_ns: 1 }`; only for values whose keys are all ours (no maps with users' keys). */
export const toStoredKeys = (value: unknown): unknown =>
  convert(value, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

/** The inverse of `toStoredKeys`. */
export const fromStoredKeys = (value: unknown): unknown =>
  convert(value, (name) =>
    name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  );
