/** Turns one message's fields into proto2 bytes and back, driven by its table. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { assert } from "#stdx/assert.ts";
import { err, ok, type Result } from "#stdx/result.ts";
import type { FieldsOf, NamedField, ScalarType, Schema } from "#wire/schema.ts";

type Scalar = number | bigint | string;
type Value = Scalar | Draft;
interface Draft {
  [key: string]: Value | Value[] | undefined;
}

/** Why a header could not be read; `message` names the message and the field. */
export interface HeaderError {
  readonly kind: "malformed_header" | "missing_field";
  readonly message: string;
}

/** Embedded messages of the protocol nest three deep; the limit only stops forged input. */
const DEPTH_MAX = 16;

class MissingField extends Error {}

const WIRE_TYPES: Readonly<Record<ScalarType, WireType>> = {
  int32: WireType.Varint,
  uint32: WireType.Varint,
  uint64: WireType.Varint,
  fixed64: WireType.Bit64,
  float: WireType.Bit32,
  string: WireType.LengthDelimited,
};

const readScalar = (reader: BinaryReader, type: ScalarType): Scalar => {
  switch (type) {
    case "int32":
      return reader.int32();
    case "uint32":
      return reader.uint32();
    case "uint64":
      return BigInt(reader.uint64());
    case "fixed64":
      return BigInt(reader.fixed64());
    case "float":
      return reader.float();
    case "string":
      return reader.string();
  }
};

const endOfLength = (reader: BinaryReader, limit: number): number => {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > limit) throw new RangeError(`a length of ${length} bytes runs past its message`);
  return end;
};

/** Where a message is being read to, and how deep it is nested. */
interface Extent {
  readonly end: number;
  readonly depth: number;
}

const readField = (reader: BinaryReader, field: NamedField, extent: Extent, draft: Draft): void => {
  const type = field.type;
  let value: Value;
  if (typeof type === "string") {
    value = readScalar(reader, type);
  } else {
    const end = endOfLength(reader, extent.end);
    // A repeated occurrence of a singular message merges into the first, as proto2 demands.
    const earlier = field.presence === "repeated" ? undefined : (draft[field.key] as Draft | undefined);
    value = readMessage(reader, type, { end, depth: extent.depth + 1 }, earlier);
  }
  if (field.presence === "repeated") (draft[field.key] as Value[]).push(value);
  else draft[field.key] = value;
};

const readPacked = (reader: BinaryReader, field: NamedField, extent: Extent, draft: Draft): void => {
  const end = endOfLength(reader, extent.end);
  const values = draft[field.key] as Value[];
  while (reader.pos < end) values.push(readScalar(reader, field.type as ScalarType));
  if (reader.pos !== end) throw new RangeError("a packed field ends inside a value");
};

const emptyDraft = (of: Schema): Draft => {
  const draft: Draft = {};
  for (const field of of.ordered) if (field.presence === "repeated") draft[field.key] = [];
  return draft;
};

const readMessage = (
  reader: BinaryReader,
  of: Schema,
  extent: Extent,
  earlier?: Draft,
): Draft => {
  if (extent.depth > DEPTH_MAX) throw new RangeError("messages are nested too deep");
  const draft = earlier ?? emptyDraft(of);
  while (reader.pos < extent.end) {
    const [number, wireType] = reader.tag();
    const field = of.byNumber[number];
    const type = field?.type;
    if (field === undefined || type === undefined) {
      reader.skip(wireType, number);
    } else if (wireType === (typeof type === "string" ? WIRE_TYPES[type] : WireType.LengthDelimited)) {
      readField(reader, field, extent, draft);
    } else if (
      wireType === WireType.LengthDelimited &&
      field.presence === "repeated" &&
      typeof type === "string"
    ) {
      readPacked(reader, field, extent, draft);
    } else {
      // A known number with another wire type counts as unknown, as in the original's parser.
      reader.skip(wireType, number);
    }
  }
  if (reader.pos !== extent.end) throw new RangeError(`${of.name} ends inside a field`);
  return draft;
};

const assertComplete = (of: Schema, draft: Draft, path: string): void => {
  for (const field of of.ordered) {
    const value = draft[field.key];
    const name = `${path}.${field.jsonKey}`;
    if (value === undefined) {
      if (field.presence === "required") throw new MissingField(`${name} is required but missing`);
    } else if (typeof field.type !== "string") {
      const items = Array.isArray(value) ? value : [value];
      for (const item of items) assertComplete(field.type, item as Draft, name);
    }
  }
};

/** Reads a message's fields; unknown fields are ignored. Throws never; borrows `bytes` only during the call. */
export const decodeFields = <S extends Schema>(
  of: S,
  bytes: Uint8Array,
): Result<FieldsOf<S>, HeaderError> => {
  try {
    const draft = readMessage(new BinaryReader(bytes), of, { end: bytes.length, depth: 0 });
    assertComplete(of, draft, of.name);
    return ok(draft as FieldsOf<S>);
  } catch (error) {
    // The library reports malformed bytes by throwing plain errors of several classes.
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof MissingField) return err({ kind: "missing_field", message });
    return err({ kind: "malformed_header", message: `${of.name} cannot be read: ${message}` });
  }
};

const writeScalar = (writer: BinaryWriter, type: ScalarType, value: Scalar): void => {
  switch (type) {
    case "int32":
      writer.int32(value as number);
      return;
    case "uint32":
      writer.uint32(value as number);
      return;
    case "uint64":
      writer.uint64(value as bigint);
      return;
    case "fixed64":
      writer.fixed64(value as bigint);
      return;
    case "float":
      writer.float(value as number);
      return;
    case "string":
      writer.string(value as string);
      return;
  }
};

const writeValue = (writer: BinaryWriter, field: NamedField, value: Value): void => {
  const type = field.type;
  if (typeof type === "string") {
    writer.tag(field.number, WIRE_TYPES[type]);
    writeScalar(writer, type, value as Scalar);
    return;
  }
  writer.tag(field.number, WireType.LengthDelimited).fork();
  writeMessage(writer, type, value as Draft);
  writer.join();
};

const writeMessage = (writer: BinaryWriter, of: Schema, fields: Draft): void => {
  for (const field of of.ordered) {
    const value = fields[field.key];
    if (value === undefined) {
      assert(field.presence !== "required", `${of.name}.${field.key} is required but missing`);
    } else if (Array.isArray(value)) {
      for (const item of value) writeValue(writer, field, item);
    } else {
      writeValue(writer, field, value);
    }
  }
};

/**
 * Appends a message's bytes to `writer`: ascending field numbers, required fields even when 0, repeats unpacked.
 * Throws when a value does not fit its type, which is a bug of the caller.
 */
export const writeFields = <S extends Schema>(
  writer: BinaryWriter,
  of: S,
  fields: FieldsOf<S>,
): void => writeMessage(writer, of, fields as unknown as Draft);

/** The bytes of one message; see `writeFields`. */
export const encodeFields = <S extends Schema>(of: S, fields: FieldsOf<S>): Uint8Array => {
  const writer = new BinaryWriter();
  writeFields(writer, of, fields);
  return writer.finish();
};
