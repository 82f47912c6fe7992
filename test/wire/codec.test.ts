/** The codec against hand-computed proto2 bytes, and against bytes that are wrong in every way we know. */
import { expect, test } from "bun:test";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Rng } from "#stdx/rng.ts";
import { decodeFields, encodeFields } from "#wire/codec.ts";
import { fieldsFromJson, fieldsToJson } from "#wire/json.ts";
import {
  ACTIONS,
  ClearCacheAction,
  ClearCacheResult,
  ErrorResult,
  EvictReq,
  InferAction,
  LoadModelFromDiskResult,
  LsReq,
  LsRsp,
  ModelInferenceReq,
  ModelUploadReq,
  REQUESTS,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";
import type { FieldsOf, NamedField, Schema } from "#wire/schema.ts";

const joined = (text: string): string => text.replaceAll(" ", "");
const hex = (text: string): Uint8Array => Uint8Array.fromHex(joined(text));
const encoded = <S extends Schema>(of: S, fields: FieldsOf<S>): string =>
  encodeFields(of, fields).toHex();
const decoded = <S extends Schema>(of: S, bytes: Uint8Array): FieldsOf<S> => {
  const result = decodeFields(of, bytes);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
};

const inferAction: FieldsOf<typeof InferAction> = {
  actionId: 0,
  modelId: 0,
  gpuId: 0,
  earliest: 0n,
  latest: 2n ** 64n - 1n,
  expectedDuration: 0n,
  batchSize: 0,
  inputSizes: [],
};

test("required fields are written even when 0, and 2^64 − 1 keeps every bit", () => {
  expect(encoded(InferAction, inferAction)).toBe(
    joined("0800 1000 1800 210000000000000000 29ffffffffffffffff 3000 3800"),
  );
  expect(decoded(InferAction, encodeFields(InferAction, inferAction))).toEqual(inferAction);
});

test("repeats are written one tag per element and read packed, unpacked or mixed", () => {
  const action = { ...inferAction, inputSizes: [0, 300, 1] };
  // Tag 0x40 = field 8, varint; 300 = 0xac 0x02.
  expect(encoded(InferAction, action)).toEndWith(joined("4000 40ac02 4001"));
  const head = encodeFields(InferAction, inferAction).toHex();
  expect(decoded(InferAction, hex(`${head} 42 04 00 ac02 01`))).toEqual(action);
  expect(decoded(InferAction, hex(`${head} 4000 42 03 ac02 01`))).toEqual(action);
  expect(decoded(InferAction, hex(`${head} 4200`))).toEqual(inferAction);
});

test("negative int32 take ten bytes, floats four, strings are UTF-8", () => {
  const error = {
    actionId: -1,
    actionType: 2,
    status: 81,
    message: "zu spät",
    actionReceived: 1n,
    resultSent: 2n,
  };
  expect(encoded(ErrorResult, error)).toBe(
    joined(
      "08ffffffffffffffffff01 1002 1851 22087a75207370c3a474 290100000000000000 310200000000000000",
    ),
  );
  expect(decoded(ErrorResult, encodeFields(ErrorResult, error))).toEqual(error);
  const request = { header: {}, modelId: 2 ** 32 - 1, batchSize: 1, sloFactor: 0.5 };
  // 0.5 is 0x3f000000.
  expect(encoded(ModelInferenceReq, request)).toBe(joined("0a00 10ffffffff0f 1801 250000003f"));
  expect(decoded(ModelInferenceReq, encodeFields(ModelInferenceReq, request))).toEqual(request);
});

test("two results have varint times where all others have fixed ones", () => {
  const result = { actionId: 3, actionReceived: 0n, resultSent: 2n ** 63n };
  expect(encoded(ClearCacheResult, result)).toBe(joined("0803 1000 1880808080808080808001"));
});

test("the upload request has no field 2", () => {
  const request = {
    header: { userId: 1, userRequestId: 2 },
    batchsize: 1,
    soLen: 2n,
    clockworkLen: 3n,
    paramsLen: 4n,
  };
  expect(encoded(ModelUploadReq, request)).toBe(joined("0a0408011002 1801 2002 2803 3004"));
});

test("an absent optional field stays absent, one that is 0 stays present", () => {
  for (const header of [{}, { userId: 0 }, { userRequestId: 0 }, { userId: 0, userRequestId: 0 }]) {
    expect(decoded(LsReq, encodeFields(LsReq, { header }))).toStrictEqual({ header });
  }
});

test("unknown fields of every kind are ignored", () => {
  const known = encodeFields(ClearCacheAction, { actionId: 5 });
  const writer = new BinaryWriter();
  writer.tag(2, WireType.Varint).uint64(2n ** 64n - 1n);
  writer.tag(3, WireType.Bit64).fixed64(1n);
  writer.tag(4, WireType.LengthDelimited).string("later version");
  writer.tag(5, WireType.Bit32).float(1);
  writer.tag(6, WireType.StartGroup).tag(7, WireType.Varint).uint32(1).tag(6, WireType.EndGroup);
  writer.tag(536_870_911, WireType.Varint).uint32(1);
  writer.raw(known);
  expect(decoded(ClearCacheAction, writer.finish())).toEqual({ actionId: 5 });
});

test("a known field with another wire type counts as unknown, so a required one is missing", () => {
  const bytes = new BinaryWriter().tag(1, WireType.Bit64).fixed64(5n).finish();
  const result = decodeFields(ClearCacheAction, bytes);
  expect(result).toEqual({
    ok: false,
    error: { kind: "missing_field", message: "ClearCacheAction.action_id is required but missing" },
  });
});

test("the last of several occurrences wins, and messages merge", () => {
  // user_id 1, then a second header with user_request_id 9, then model_id 3 and again 4.
  const fields = decoded(EvictReq, hex("0a020801 0a021009 1003 1004"));
  expect(fields).toEqual({ header: { userId: 1, userRequestId: 9 }, modelId: 4 });
});

test("a missing field of an embedded message is named with its path", () => {
  const header = encodeFields(LsRsp, { header: {}, models: [] }).toHex();
  // A model with only its id.
  const result = decodeFields(LsRsp, hex(`${header} 12020801`));
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "missing_field", message: "LSRsp.models.remote_path is required but missing" },
  });
});

test.each([
  ["a cut varint", "08ff"],
  ["an endless varint", "08ffffffffffffffffffffff01"],
  ["a cut fixed64", "0801210000"],
  ["a string longer than the message", "080112ff01"],
  ["a length that runs past the message", "12ffffffff0f"],
  ["field number 0", "0001"],
  ["wire type 7", "0f"],
  ["an end without a group", "0c"],
  ["an unclosed group", "3308"],
])("%s is a malformed header", (_, bytes) => {
  const result = decodeFields(LoadModelFromDiskResult, hex(bytes));
  expect(result).toMatchObject({ ok: false, error: { kind: "malformed_header" } });
  if (!result.ok)
    expect(result.error.message).toStartWith("LoadModelFromDiskResult cannot be read: ");
});

test("an embedded message may not reach past its parent", () => {
  // models { length 2 } holds a string of length 5, which would end outside of it.
  const result = decodeFields(LsRsp, hex("0a00 1202 1205 6162636465"));
  expect(result).toMatchObject({ ok: false, error: { kind: "malformed_header" } });
});

const ALL_SCHEMAS = [REQUESTS, RESPONSES, ACTIONS, RESULTS].flatMap((set) =>
  set.types.map((type): Schema => type.schema),
);

/** Any value of a field's type, extremes included. */
const anyValue = (rng: Rng, field: NamedField): unknown => {
  const pick = <T>(values: readonly T[]): T => values[rng.below(values.length)] as T;
  switch (field.type) {
    case "int32":
      return pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), rng.below(1000)]);
    case "uint32":
      return pick([0, 1, 127, 128, 2 ** 32 - 1, rng.uint32()]);
    case "uint64":
    case "fixed64":
      return pick([0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, BigInt(rng.uint32()) << 31n]);
    case "float":
      return pick([0, -0, 0.1, 1e-40, 3.4e38, Infinity, -Infinity].map(Math.fround));
    case "string":
      return pick(["", "a", "/zoo/é/模型/model", "x".repeat(300)]);
    default:
      return anyFields(rng, field.type);
  }
};

const anyFields = (rng: Rng, of: Schema): Record<string, unknown> => {
  const fields: Record<string, unknown> = {};
  for (const field of of.ordered) {
    if (field.presence === "repeated") {
      fields[field.key] = Array.from({ length: rng.below(4) }, () => anyValue(rng, field));
    } else if (field.presence === "required" || rng.below(2) === 0) {
      fields[field.key] = anyValue(rng, field);
    }
  }
  return fields;
};

test("every message survives bytes, and JSON text in between, with any values", () => {
  const rng = Rng.of(3, "messages");
  expect(ALL_SCHEMAS).toHaveLength(23);
  for (const of of ALL_SCHEMAS) {
    for (let round = 0; round < 50; round++) {
      const fields = anyFields(rng, of) as unknown as FieldsOf<Schema>;
      const bytes = encodeFields(of, fields);
      expect(decoded(of, bytes)).toStrictEqual(fields);
      const text = JSON.stringify(fieldsToJson(of, fields));
      // JSON.stringify drops the sign of −0, which only a float can carry.
      if (!Object.values(fields).some((value) => Object.is(value, -0))) {
        expect(encodeFields(of, fieldsFromJson(of, JSON.parse(text))).toHex()).toBe(bytes.toHex());
      }
    }
  }
});

test("bytes damaged at random are read or refused, but never throw", () => {
  const rng = Rng.of(4, "damage");
  let refused = 0;
  for (const of of ALL_SCHEMAS) {
    for (let round = 0; round < 200; round++) {
      const bytes = encodeFields(of, anyFields(rng, of) as unknown as FieldsOf<Schema>);
      for (let flips = 1 + rng.below(3); flips > 0 && bytes.length > 0; flips--) {
        bytes[rng.below(bytes.length)] = rng.below(256);
      }
      const result = decodeFields(of, bytes.subarray(0, rng.below(bytes.length + 1)));
      if (!result.ok) refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});
