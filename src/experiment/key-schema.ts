/** One key of the experiment language as a schema that remembers what kind of value it takes. */
import { z } from "zod";
import type { Reader, ReaderKind } from "#experiment/reading.ts";

/** What of a reader the schema keeps visible, for `--set` and for the paths a sweep may name. */
const kinds = z.registry<{ readonly kind: ReaderKind }>();

/** A key that takes one value. */
export const key = <T>(reader: Reader<T>) => {
  const schema = z.unknown().transform((value, context): T => {
    const reading = reader.read(value);
    if (reading.ok) return reading.value;
    const { message, remedy } = reading.error;
    context.addIssue({ code: "custom", message, params: { remedy } });
    return z.NEVER;
  });
  kinds.add(schema, { kind: reader.kind });
  return schema;
};

/** A key that may be absent. */
export const maybe = <T>(reader: Reader<T>) => key(reader).optional();

/** A value whose own content says which schema it has to meet. */
export const chosenBy = <T>(schemaFor: (value: unknown) => z.ZodType<T>) =>
  z.unknown().transform((value, context): T => {
    const parsed = schemaFor(value).safeParse(value);
    if (parsed.success) return parsed.data;
    // Issues are judged already; what is raw about them for the library is only that their paths begin here.
    for (const issue of parsed.error.issues) {
      context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    }
    return z.NEVER;
  });

const kindOf = (schema: z.ZodType): ReaderKind | null =>
  kinds.get(schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema)?.kind ??
  null;

/** Every key of an object that takes one value, with what it takes. */
export const kindsOf = (prefix: string, schema: z.ZodObject): [string, ReaderKind][] =>
  Object.entries(schema.shape).flatMap(([name, value]) => {
    const kind = kindOf(value as z.ZodType);
    return kind === null ? [] : [[`${prefix}${name}`, kind] as [string, ReaderKind]];
  });
