/**
 * What a frame means, field by field, with ids, instants and what the original leaves uninitialised taken out: two frames
 * that say the same thing at different times have the same form.
 */
import { fieldsToJson } from "#wire/json.ts";
import {
  ACTIONS,
  type IncomingFrame,
  type MessageSet,
  RESPONSES,
  RESULTS,
} from "#wire/messages.ts";

/**
 * How a field is compared: `id` and `instant` not at all, `window` only as to whether it is open, `about` but for
 * one ns (the original's estimates go through 32-bit floats, and then lack it), `measured` not at all, since it tells how quick a machine was.
 */
export type Rule = "same" | "id" | "instant" | "window" | "about" | "measured" | "unset" | "text";

/** Everything that is not named here must be the same. */
export const RULES: Readonly<Record<string, Rule>> = {
  "LoadModelFromDiskAction.earliest": "window",
  "LoadModelFromDiskAction.latest": "window",
  "LoadWeightsAction.action_id": "id",
  "LoadWeightsAction.earliest": "window",
  "LoadWeightsAction.latest": "window",
  "InferAction.action_id": "id",
  "InferAction.earliest": "window",
  "InferAction.latest": "window",
  "InferAction.expected_duration": "about",
  "EvictWeightsAction.action_id": "id",
  "EvictWeightsAction.earliest": "window",
  "EvictWeightsAction.latest": "window",
  "ClearCacheAction.action_id": "id",
  "ErrorResult.action_id": "id",
  "ErrorResult.message": "text",
  "LoadModelFromDiskResult.action_id": "id",
  "LoadModelFromDiskResult.timing.begin": "instant",
  "LoadModelFromDiskResult.timing.end": "instant",
  "LoadModelFromDiskResult.timing.duration": "measured",
  "LoadWeightsResult.action_id": "id",
  "LoadWeightsResult.timing.begin": "instant",
  "LoadWeightsResult.timing.end": "instant",
  "EvictWeightsResult.action_id": "id",
  "EvictWeightsResult.timing.begin": "instant",
  "EvictWeightsResult.timing.end": "instant",
  "EvictWeightsResult.timing.duration": "measured",
  "InferResult.action_id": "id",
  "InferResult.copy_input_timing.begin": "instant",
  "InferResult.copy_input_timing.end": "instant",
  "InferResult.exec_timing.begin": "instant",
  "InferResult.exec_timing.end": "instant",
  "InferResult.copy_output_timing.begin": "instant",
  "InferResult.copy_output_timing.end": "instant",
  "ClearCacheResult.action_id": "id",
  "GetWorkerStateResult.action_id": "id",
  "LoadModelFromDiskRsp.header.user_request_id": "unset",
  "LSRsp.header.user_request_id": "id",
  "ModelInferenceRsp.header.user_request_id": "id",
};

/** Of every result. */
const STAMPS: Readonly<Record<string, Rule>> = {
  action_received: "instant",
  result_sent: "instant",
};

/** Fields that hold memory of the original when a load has failed, or an inference came during start-up. */
const UNSET_ON_FAILURE: Readonly<Record<string, (status: number) => boolean>> = {
  LoadModelFromDiskRsp: (status) => status !== 0,
  ModelInferenceRsp: (status) => status === 5,
};

export const ruleOf = (message: string, path: string, status: number): Rule => {
  const isUnset = UNSET_ON_FAILURE[message]?.(status) === true && !path.startsWith("header.");
  if (isUnset) return "unset";
  return RULES[`${message}.${path}`] ?? STAMPS[path] ?? "same";
};

const UINT64_MAX = "18446744073709551615";

/** The original's worker puts the time and its own source line before some texts. */
const plainText = (text: string): string =>
  text.replace(/^\[\d\d:\d\d:\d\d\] \S+: Check failed: [^:]+: /, "");

const apply = (rule: Rule, value: unknown): string => {
  switch (rule) {
    case "same":
      return JSON.stringify(value);
    case "window":
      return value === 0 || value === UINT64_MAX ? String(value) : "(instant)";
    case "about":
      return String(Number(value) % 10 === 9 ? Number(value) + 1 : value);
    case "text":
      return plainText(String(value));
    default:
      return `(${rule})`;
  }
};

/** Fields by their paths, such as "header.status"; lists are one value. */
export const leavesOf = (fields: unknown, prefix = ""): ReadonlyMap<string, unknown> => {
  const leaves = new Map<string, unknown>();
  for (const [key, value] of Object.entries(fields as Record<string, unknown>)) {
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [path, leaf] of leavesOf(value, `${prefix}${key}.`)) leaves.set(path, leaf);
    else leaves.set(`${prefix}${key}`, value);
  }
  return leaves;
};

type Known = { readonly begin: bigint; readonly end: bigint };

/** How long the device says it worked: the difference of two instants, which are left out. */
const lengths = (frame: IncomingFrame<MessageSet>): readonly (readonly [string, string])[] => {
  const { name } = frame;
  if (name !== "InferResult" && name !== "LoadWeightsResult") return [];
  const parts = Object.entries(frame.fields as Record<string, unknown>).filter(
    ([key, value]) => /timing$/i.test(key) && typeof value === "object",
  );
  return parts.map(([key, value]) => {
    const { begin, end } = value as Known;
    return [`${key}: end − begin`, String(end - begin)] as const;
  });
};

const digest = (bytes: Uint8Array): string =>
  `${bytes.length} bytes ${new Bun.CryptoHasher("sha1").update(bytes).digest("hex")}`;

export type Form = Readonly<Record<string, string>>;

/** Fields without their values where these mean nothing; `message` is the name in `RULES`. */
export const formOf = (set: MessageSet, frame: IncomingFrame<MessageSet>): Form => {
  const schema = set.byName.get(frame.name)?.schema;
  if (schema === undefined) throw new Error(`${frame.name} is of another direction`);
  const leaves = leavesOf(fieldsToJson(schema, frame.fields as never));
  const status = Number(leaves.get("status") ?? leaves.get("header.status") ?? 0);
  const form: Record<string, string> = { message: frame.name };
  for (const [path, value] of leaves) form[path] = apply(ruleOf(frame.name, path, status), value);
  for (const [path, value] of lengths(frame)) form[path] = value;
  // Client messages are paired by it; on worker links it is always 0.
  if (set !== RESPONSES) form["message_id"] = String(frame.messageId);
  // What a simulated GPU puts out is memory as it was.
  const isPlain = set === RESULTS || frame.body.length === 0;
  form["body"] = isPlain ? `${frame.body.length} bytes` : digest(frame.body);
  if (set === ACTIONS && frame.name === "InferAction") withoutInputs(form, frame);
  return form;
};

/** Inputs are compared by their bytes elsewhere; here only that there is one size for each, and their sum. */
const withoutInputs = (form: Record<string, string>, frame: IncomingFrame<MessageSet>): void => {
  const { inputSizes } = frame.fields as { readonly inputSizes: readonly number[] };
  const sum = inputSizes.reduce((total, size) => total + size, 0);
  form["input_sizes"] = `${inputSizes.length} sizes`;
  form["body"] = frame.body.length === sum ? "as long as its sizes" : "not as long as its sizes";
};

/** What one compares a frame by: everything that says what it is about. */
export const meaningOf = (set: MessageSet, form: Form): string => {
  const parts = ["message", "action_type", "status", "header.status", "model_id", "gpu_id"];
  const about = set === RESULTS ? ["exec_timing.duration"] : ["batch_size"];
  return [...parts, ...about].map((key) => form[key] ?? "").join(" ");
};
