/** Writes a message's fields as JSON and reads them back without losing a bit; for goldens, scripts and people. */
import { assert } from "#stdx/assert.ts";
import type { FieldsOf, NamedField, Schema } from "#wire/schema.ts";

type Json = null | number | string | readonly Json[] | { readonly [key: string]: Json };

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** A 64-bit integer as JSON: a number while exact, else a decimal string. */
export const integerToJson = (value: bigint): number | string =>
  value > SAFE_MAX || value < -SAFE_MAX ? value.toString() : Number(value);

const toJsonValue = (field: NamedField, value: unknown): Json => {
  if (typeof field.type !== "string") return fieldsToJson(field.type, value as FieldsOf<Schema>);
  if (typeof value === "bigint") return integerToJson(value);
  // JSON has no NaN and no infinities.
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return value as string;
};

/** Fields under the original's snake_case names; absent optional fields and empty repeats are left out. */
export const fieldsToJson = <S extends Schema>(
  of: S,
  fields: FieldsOf<S>,
): { readonly [key: string]: Json } => {
  const out: Record<string, Json> = {};
  const values = fields as unknown as Readonly<Record<string, unknown>>;
  for (const field of of.ordered) {
    const value = values[field.key];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    out[field.jsonKey] = Array.isArray(value)
      ? value.map((item) => toJsonValue(field, item))
      : toJsonValue(field, value);
  }
  return out;
};

const fromJsonValue = (field: NamedField, value: unknown): unknown => {
  const type = field.type;
  if (typeof type !== "string") return fieldsFromJson(type, value);
  if (type === "string") {
    assert(typeof value === "string", `${field.jsonKey} must be a string`);
    return value;
  }
  assert(
    typeof value === "number" || typeof value === "string",
    `${field.jsonKey} must be a number`,
  );
  return type === "uint64" || type === "fixed64" ? BigInt(value) : Number(value);
};

/** The inverse of `fieldsToJson`; throws on a value of the wrong kind, since such files are our own. */
export const fieldsFromJson = <S extends Schema>(of: S, json: unknown): FieldsOf<S> => {
  assert(typeof json === "object" && json !== null, `${of.name} must be an object`);
  const values = json as Readonly<Record<string, unknown>>;
  const out: Record<string, unknown> = {};
  for (const field of of.ordered) {
    const value = values[field.jsonKey];
    if (field.presence === "repeated") {
      const items = (value ?? []) as readonly unknown[];
      out[field.key] = items.map((item) => fromJsonValue(field, item));
    } else if (value !== undefined) {
      out[field.key] = fromJsonValue(field, value);
    }
  }
  return out as unknown as FieldsOf<S>;
};
