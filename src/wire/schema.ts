/** Describes proto2 messages as tables from which both the codec and the TypeScript types follow. */
import { assert } from "#stdx/assert.ts";

export type ScalarType = "int32" | "uint32" | "uint64" | "fixed64" | "float" | "string";
type Presence = "required" | "optional" | "repeated";

/** One row of a message table; `type` is a scalar or the schema of an embedded message. */
export interface Field<
  T extends ScalarType | Schema = ScalarType | Schema,
  P extends Presence = Presence,
> {
  readonly number: number;
  readonly type: T;
  readonly presence: P;
}

export type FieldTable = Readonly<Record<string, Field>>;

/** A field as the codec sees it: with its name in code and its name in JSON. */
export interface NamedField extends Field {
  readonly key: string;
  readonly jsonKey: string;
}

/** A message: `name` without the original's suffix `Proto`, and its fields by their names in code. */
export interface Schema<N extends string = string, F extends FieldTable = FieldTable> {
  readonly name: N;
  readonly fields: F;
  /** Ascending by number, the order in which fields are emitted. */
  readonly ordered: readonly NamedField[];
  /** Index is the field number. */
  readonly byNumber: readonly (NamedField | undefined)[];
}

type ScalarValue<T> = T extends "uint64" | "fixed64"
  ? bigint
  : T extends "string"
    ? string
    : number;
type Value<T> = T extends ScalarType ? ScalarValue<T> : T extends Schema ? FieldsOf<T> : never;
type KeysWith<F extends FieldTable, P extends Presence> = {
  [K in keyof F]: F[K]["presence"] extends P ? K : never;
}[keyof F];

/** The value of a message: 64-bit integers are exact bigints, absent optional fields are absent keys. */
export type FieldsOf<S extends Schema> =
  S extends Schema<string, infer F>
    ? { readonly [K in KeysWith<F, "required">]: Value<F[K]["type"]> } & {
        readonly [K in KeysWith<F, "optional">]?: Value<F[K]["type"]>;
      } & { readonly [K in KeysWith<F, "repeated">]: readonly Value<F[K]["type"]>[] }
    : never;

export const required = <const T extends ScalarType | Schema>(
  number: number,
  type: T,
): Field<T, "required"> => ({ number, type, presence: "required" });

export const optional = <const T extends ScalarType | Schema>(
  number: number,
  type: T,
): Field<T, "optional"> => ({ number, type, presence: "optional" });

export const repeated = <const T extends ScalarType | Schema>(
  number: number,
  type: T,
): Field<T, "repeated"> => ({ number, type, presence: "repeated" });

const toSnakeCase = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Builds a schema; throws when two fields share a number. */
export const schema = <const N extends string, F extends FieldTable>(
  name: N,
  fields: F,
): Schema<N, F> => {
  const ordered = Object.entries(fields)
    .map(([key, field]) => ({ ...field, key, jsonKey: toSnakeCase(key) }))
    .sort((a, b) => a.number - b.number);
  const byNumber: (NamedField | undefined)[] = [];
  for (const field of ordered) {
    assert(byNumber[field.number] === undefined, `${name} has two fields ${field.number}`);
    byNumber[field.number] = field;
  }
  return { name, fields, ordered, byNumber };
};
