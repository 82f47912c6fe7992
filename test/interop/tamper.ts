/** Changes one byte of a recorded frame, field after field, to see that a comparison notices. */
import type { IncomingFrame, MessageSet } from "#wire/messages.ts";

export interface Tampered<M extends MessageSet> {
  /** Where it was changed, such as "header.status", "message_id" or "body". */
  readonly path: string;
  readonly frame: IncomingFrame<M>;
}

const flip = (value: unknown): unknown => {
  if (typeof value === "bigint") return value ^ 1n;
  // A float's lowest bits may not show in a number, its sign does.
  if (typeof value === "number") return Number.isInteger(value) ? value ^ 1 : -value;
  const text = String(value);
  return text === "" ? "x" : `${String.fromCharCode(text.charCodeAt(0) ^ 1)}${text.slice(1)}`;
};

const toSnakeCase = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Every copy of `fields` in which one value is another. */
const variants = (
  fields: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Record<string, unknown>])[] =>
  Object.entries(fields).flatMap(([key, value]) => {
    const name = toSnakeCase(key);
    const put = (changed: unknown): Record<string, unknown> => ({ ...fields, [key]: changed });
    if (Array.isArray(value))
      return variantsOfList(value).map((list) => [name, put(list)] as const);
    if (typeof value === "object" && value !== null)
      return variants(value as Record<string, unknown>).map(
        ([path, inner]) => [`${name}.${path}`, put(inner)] as const,
      );
    return [[name, put(flip(value))] as const];
  });

const variantsOfList = (list: readonly unknown[]): readonly (readonly unknown[])[] =>
  list.flatMap((item, index) => {
    const changed =
      typeof item === "object" && item !== null
        ? variants(item as Record<string, unknown>).map(([, each]) => each)
        : [flip(item)];
    return changed.map((each) => list.with(index, each));
  });

/** All frames that differ from this one in one value. */
export const tamperings = <M extends MessageSet>(
  frame: IncomingFrame<M>,
): readonly Tampered<M>[] => {
  const ofFields = variants(frame.fields as Record<string, unknown>).map(([path, fields]) => ({
    path,
    frame: { ...frame, fields } as IncomingFrame<M>,
  }));
  const id = { path: "message_id", frame: { ...frame, messageId: frame.messageId ^ 1n } };
  if (frame.body.length === 0) return [...ofFields, id];
  const body = frame.body.slice();
  body[body.length >> 1] = (body[body.length >> 1] as number) ^ 1;
  return [...ofFields, id, { path: "body", frame: { ...frame, body } }];
};
