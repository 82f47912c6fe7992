/** The text format of the original's worker: its configuration file and its `.measurements` profiles (libconfig). */
import { err, ok, type Result } from "#stdx/result.ts";

export type SettingValue =
  | { readonly kind: "whole"; readonly value: bigint }
  | { readonly kind: "fraction"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "group"; readonly settings: readonly Setting[] }
  /** An array or a list; neither file of the original has one, so that its members are not kept. */
  | { readonly kind: "sequence" };

export interface Setting {
  readonly name: string;
  /** 1-based. */
  readonly line: number;
  readonly value: SettingValue;
}

interface Token {
  readonly kind: "name" | "number" | "text" | "mark" | "end";
  readonly text: string;
  readonly line: number;
}

/** Deeper nesting than this is no configuration, and would exhaust the stack. */
const DEPTH_MAX = 32;

const SPACE = /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const TOKENS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["number", /0[xX][0-9A-Fa-f]+(?:LL?)?|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:LL?)?/y],
  ["name", /[A-Za-z*@][-A-Za-z0-9_*]*/y],
  ["text", /"(?:[^"\\]|\\[\s\S])*"/y],
  ["mark", /[={}:;,()[\]]/y],
];

const matchAt = (pattern: RegExp, text: string, at: number): string | null => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
};

const countLines = (text: string): number => text.split("\n").length - 1;

/** Signals a mistake inside the parser; never leaves this file. */
class Refusal extends Error {}

const refuse = (line: number, message: string): never => {
  throw new Refusal(`line ${line}: ${message}`);
};

const tokenAt = (text: string, at: number, line: number): Token => {
  if (at === text.length) return { kind: "end", text: "the end of the file", line };
  for (const [kind, pattern] of TOKENS) {
    const found = matchAt(pattern, text, at);
    if (found !== null) return { kind, text: found, line };
  }
  const rest = text.slice(at, at + 2);
  if (rest === "/*") return refuse(line, "the comment is not closed with */");
  if (rest.startsWith('"')) return refuse(line, "the text is not closed with a quote");
  return refuse(line, `unexpected ${JSON.stringify(rest[0])}`);
};

const tokenise = (text: string): readonly Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  for (;;) {
    const space = matchAt(SPACE, text, at) ?? "";
    line += countLines(space);
    at += space.length;
    const token = tokenAt(text, at, line);
    tokens.push(token);
    if (token.kind === "end") return tokens;
    line += countLines(token.text);
    at += token.text.length;
  }
};

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f" };

const unquote = (text: string): string =>
  text
    .slice(1, -1)
    .replaceAll(/\\(x[0-9A-Fa-f]{2}|[\s\S])/g, (_, escape: string) =>
      escape.length === 3
        ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
        : (ESCAPES[escape] ?? escape),
    );

const INT64_MAX = 2n ** 63n - 1n;

const toNumber = ({ text, line }: Token): SettingValue => {
  const digits = text.replace(/LL?$/, "");
  if (/^0[xX]/.test(digits)) return { kind: "whole", value: BigInt.asIntN(64, BigInt(digits)) };
  if (/[.eE]/.test(digits)) return { kind: "fraction", value: Number(digits) };
  const value = BigInt(digits.replace(/^\+/, ""));
  if (value > INT64_MAX || value < -INT64_MAX - 1n) refuse(line, `${text} does not fit 64 bits`);
  return { kind: "whole", value };
};

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Settings up to `end`, which is taken. */
  settings(end: "}" | null, depth: number): readonly Setting[] {
    const settings: Setting[] = [];
    for (;;) {
      const token = this.#take();
      if (end === null ? token.kind === "end" : isMark(token, end)) return settings;
      if (token.kind !== "name" || token.text.startsWith("@")) {
        refuse(token.line, `expected the name of a setting, got ${token.text}`);
      }
      const name = token.text;
      const first = settings.find((each) => each.name === name);
      if (first !== undefined) refuse(token.line, `${name} is set already, in line ${first.line}`);
      const equals = this.#take();
      if (!isMark(equals, "=") && !isMark(equals, ":"))
        refuse(equals.line, `expected "=" after ${name}, got ${equals.text}`);
      settings.push({ name, line: token.line, value: this.#value(name, depth) });
      if (isMark(this.#peek(), ";") || isMark(this.#peek(), ",")) this.#take();
    }
  }

  #value(name: string, depth: number): SettingValue {
    const token = this.#take();
    if (depth >= DEPTH_MAX) refuse(token.line, `groups are nested more than ${DEPTH_MAX} deep`);
    if (token.kind === "number") return toNumber(token);
    if (token.kind === "text") return { kind: "text", value: this.#texts(token) };
    if (token.kind === "name" && /^(true|false)$/i.test(token.text))
      return { kind: "boolean", value: token.text.toLowerCase() === "true" };
    if (isMark(token, "{")) return { kind: "group", settings: this.settings("}", depth + 1) };
    if (isMark(token, "[")) return this.#sequence(name, "]", depth);
    if (isMark(token, "(")) return this.#sequence(name, ")", depth);
    return refuse(token.line, `expected a value for ${name}, got ${token.text}`);
  }

  /** Texts next to each other are one. */
  #texts(first: Token): string {
    let text = unquote(first.text);
    while (this.#peek().kind === "text") text += unquote(this.#take().text);
    return text;
  }

  #sequence(name: string, end: "]" | ")", depth: number): SettingValue {
    while (!isMark(this.#peek(), end)) {
      this.#value(name, depth + 1);
      if (isMark(this.#peek(), ",")) this.#take();
      else if (!isMark(this.#peek(), end))
        refuse(this.#peek().line, `expected "${end}" after the members of ${name}`);
    }
    this.#take();
    return { kind: "sequence" };
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "the end of the file", line: 0 };
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#next += 1;
    return token;
  }
}

const isMark = (token: Token, mark: string): boolean =>
  token.kind === "mark" && token.text === mark;

/** Reads all settings; fails with "line N: …" for the first mistake, as the rest makes no sense then. */
export const parseLibconfig = (text: string): Result<readonly Setting[], string> => {
  try {
    return ok(new Parser(tokenise(text.replace(/^\uFEFF/, ""))).settings(null, 0));
  } catch (error) {
    if (error instanceof Refusal) return err(error.message);
    throw error;
  }
};

/** What a value is, for messages. */
export const describeValue = (value: SettingValue): string => {
  switch (value.kind) {
    case "whole":
    case "fraction":
    case "boolean":
      return String(value.value);
    case "text":
      return JSON.stringify(value.value);
    case "group":
      return "a group";
    case "sequence":
      return "a list";
  }
};
