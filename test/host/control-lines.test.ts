/** What a client takes for a command, and what not. */
import { describe, expect, test } from "bun:test";
import { parseControlLine } from "#host/control-lines.ts";

const MODEL = { model: "resnet50_v2", model_id: 3, input_bytes: 602_112 };

describe("a control line", () => {
  test.each([
    { command: "stop" },
    { command: "start" },
    { command: "start", at_ns: "1700000000000000000" },
    { command: "finish", at_ns: "1700000000000000000", reason: "more than 50 % failed" },
    { command: "models", models: [MODEL, MODEL] },
  ])("%j is a command", (line) => {
    expect(parseControlLine(JSON.stringify(line))).toEqual(line as never);
  });

  test.each([
    ["no JSON", "start"],
    ["no object", '"start"'],
    ["null", "null"],
    ["another command", '{"command":"restart"}'],
    ["an instant that is a number, which would lose digits", '{"command":"start","at_ns":17}'],
    ["an instant before 1970", '{"command":"start","at_ns":"-17"}'],
    ["an end without its instant", '{"command":"finish","reason":"enough"}'],
    ["an end without its reason", '{"command":"finish","at_ns":"17"}'],
    ["models without a list", '{"command":"models"}'],
    ["a model without its size", '{"command":"models","models":[{"model":"m","model_id":3}]}'],
  ])("%s is none", (_what, line) => {
    expect(parseControlLine(line)).toBeNull();
  });
});
