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

const emptyDraft = (of: Schema): Draft => {
  const draft: Draft = {};
  for (const field of of.ordered) if (field.presence === "repeated") draft[field.key] = [];
  return draft;
};

/** Where a message is being read to, and how deep it is nested. */
interface Extent {
  readonly end: number;
  readonly depth: number;
}

/** Reads one header; its methods throw on malformed bytes. */
class MessageReader {
  readonly #reader: BinaryReader;

  constructor(bytes: Uint8Array) {
    this.#reader = new BinaryReader(bytes);
  }

  readMessage(of: Schema, extent: Extent, draft = emptyDraft(of)): Draft {
    const reader = this.#reader;
    if (extent.depth > DEPTH_MAX) throw new RangeError("messages are nested too deep");
    while (reader.pos < extent.end) {
      const [number, wireType] = reader.tag();
      const field = of.byNumber[number];
      if (field === undefined || !this.#readField(field, wireType, { extent, draft })) {
        reader.skip(wireType, number);
      }
    }
    if (reader.pos !== extent.end) throw new RangeError(`${of.name} ends inside a field`);
    return draft;
  }

  /** False when the wire type is not the field's: it then counts as unknown, as in the original's parser. */
  #readField(
    field: NamedField,
    wireType: WireType,
    { extent, draft }: { readonly extent: Extent; readonly draft: Draft },
  ): boolean {
    const { key, type, presence } = field;
    const isRepeated = presence === "repeated";
    if (typeof type !== "string") {
      if (wireType !== WireType.LengthDelimited) return false;
      // A second occurrence of a singular message merges into the first, as proto2 demands.
      const earlier = isRepeated ? undefined : (draft[key] as Draft | undefined);
      const inner = { end: this.#endOfLength(extent.end), depth: extent.depth + 1 };
      const value = this.readMessage(type, inner, earlier);
      if (isRepeated) (draft[key] as Value[]).push(value);
      else draft[key] = value;
    } else if (wireType === WIRE_TYPES[type]) {
      const value = this.#readScalar(type);
      if (isRepeated) (draft[key] as Value[]).push(value);
      else draft[key] = value;
    } else if (isRepeated && wireType === WireType.LengthDelimited) {
      this.#readPacked(type, extent, draft[key] as Value[]);
    } else {
      return false;
    }
    return true;
  }

  #readPacked(type: ScalarType, extent: Extent, values: Value[]): void {
    const end = this.#endOfLength(extent.end);
    while (this.#reader.pos < end) values.push(this.#readScalar(type));
    if (this.#reader.pos !== end) throw new RangeError("a packed field ends inside a value");
  }

  #endOfLength(limit: number): number {
    const length = this.#reader.uint32();
    const end = this.#reader.pos + length;
    if (end > limit) throw new RangeError(`a length of ${length} bytes runs past its message`);
    return end;
  }

  #readScalar(type: ScalarType): Scalar {
    const reader = this.#reader;
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
  }
}

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
    const draft = new MessageReader(bytes).readMessage(of, { end: bytes.length, depth: 0 });
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
      writer.uint64(value);
      return;
    case "fixed64":
      writer.fixed64(value);
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
): void => writeMessage(writer, of, fields);

/** The bytes of one message; see `writeFields`. */
export const encodeFields = <S extends Schema>(of: S, fields: FieldsOf<S>): Uint8Array => {
  const writer = new BinaryWriter();
  writeFields(writer, of, fields);
  return writer.finish();
};
