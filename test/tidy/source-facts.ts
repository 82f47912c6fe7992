/** What one source file imports and which ambient things it touches, read from its syntax tree. */
import { parseSync } from "oxc-parser";

/** One import in any form: static, side-effect, re-export, dynamic, `require`, or inside a type. */
export interface ImportEdge {
  /** Null when the specifier is computed at run time. */
  readonly specifier: string | null;
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/** A use of something that a pure folder, or any folder but its owner, must not touch. */
export interface AmbientUse {
  readonly name: string;
  readonly line: number;
}

export interface SourceFacts {
  readonly edges: readonly ImportEdge[];
  readonly ambient: readonly AmbientUse[];
  /** Lines with `await`, `async`, `for await` or `await using`. */
  readonly asyncLines: readonly number[];
  readonly defaultExportLines: readonly number[];
  readonly opensWithDocComment: boolean;
  readonly syntaxErrors: readonly string[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Identifiers that reach outside the program, unless the file binds the name itself (the linter knows scopes, this does not). */
const AMBIENT_NAMES: ReadonlySet<string> = new Set([
  "Date",
  "performance",
  "Temporal",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "requestAnimationFrame",
  "Bun",
  "process",
  "crypto",
  "globalThis",
  "global",
  "self",
  "window",
  "console",
  "fetch",
  "WebSocket",
  "Worker",
  "BroadcastChannel",
  "MessageChannel",
  "XMLHttpRequest",
  "navigator",
  "Promise",
  "eval",
  "Function",
  "alert",
  "prompt",
  "confirm",
]);

const isNode = (value: unknown): value is Node =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as { type?: unknown }).type === "string";

/** The key of `parent` under which a plain name is only a label and refers to nothing. */
const LABEL_KEYS: Readonly<Record<string, readonly string[]>> = {
  MemberExpression: ["property"],
  Property: ["key"],
  PropertyDefinition: ["key"],
  AccessorProperty: ["key"],
  MethodDefinition: ["key"],
  TSPropertySignature: ["key"],
  TSMethodSignature: ["key"],
  TSQualifiedName: ["right"],
  ImportSpecifier: ["imported"],
  ExportSpecifier: ["exported"],
  TSNamedTupleMember: ["label"],
  LabeledStatement: ["label"],
  BreakStatement: ["label"],
  ContinueStatement: ["label"],
};

const isLabel = (parent: Node, key: string): boolean =>
  (LABEL_KEYS[parent.type]?.includes(key) ?? false) && parent["computed"] !== true;

const literal = (value: unknown): string | null => {
  if (!isNode(value)) return null;
  if (value.type === "TSLiteralType") return literal(value["literal"]);
  if (value.type === "TemplateLiteral") {
    const quasis = value["quasis"] as readonly { readonly value: { readonly cooked: string } }[];
    return quasis.length === 1 ? (quasis[0]?.value.cooked ?? null) : null;
  }
  return value.type === "Literal" && typeof value["value"] === "string" ? value["value"] : null;
};

const nameOf = (value: unknown): string | null =>
  isNode(value) && value.type === "Identifier" ? (value["name"] as string) : null;

/** `import type …`, or a list of specifiers that are all marked `type`; an empty list is a side-effect import. */
const isTypeOnlyDeclaration = (node: Node): boolean => {
  if (node["importKind"] === "type" || node["exportKind"] === "type") return true;
  const specifiers = (node["specifiers"] ?? []) as readonly Node[];
  return (
    specifiers.length > 0 &&
    specifiers.every((one) => one["importKind"] === "type" || one["exportKind"] === "type")
  );
};

/** The import that `node` makes, or undefined when it makes none. */
const importOf = (
  node: Node,
): { readonly specifier: string | null; readonly isTypeOnly: boolean } | undefined => {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      if (node["source"] === null || node["source"] === undefined) return undefined;
      return { specifier: literal(node["source"]), isTypeOnly: isTypeOnlyDeclaration(node) };
    case "ImportExpression":
      return { specifier: literal(node["source"]), isTypeOnly: false };
    case "TSImportType":
      return { specifier: literal(node["source"] ?? node["argument"]), isTypeOnly: true };
    case "TSExternalModuleReference":
      return { specifier: literal(node["expression"]), isTypeOnly: false };
    case "CallExpression": {
      const callee = node["callee"];
      const isRequire =
        nameOf(callee) === "require" ||
        (isNode(callee) &&
          callee.type === "MemberExpression" &&
          ["require", "resolve"].includes(nameOf(callee["property"]) ?? "") &&
          nameOf(callee["object"]) === "require");
      return isRequire
        ? { specifier: literal((node["arguments"] as readonly unknown[])[0]), isTypeOnly: false }
        : undefined;
    }
    default:
      return undefined;
  }
};

const isAsync = (node: Node): boolean =>
  node.type === "AwaitExpression" ||
  node["async"] === true ||
  (node.type === "ForOfStatement" && node["await"] === true) ||
  (node.type === "VariableDeclaration" && node["kind"] === "await using");

/** The ambient thing that `node` touches, by a name for messages ("Date", "Math.random", "import.meta", "process.env"). */
const ambientOf = (node: Node, parent: Node, key: string): string | undefined => {
  if (node.type === "MetaProperty")
    return (node["meta"] as Node)["name"] === "import" ? "import.meta" : undefined;
  if (node.type !== "Identifier" || isLabel(parent, key)) return undefined;
  const name = node["name"] as string;
  const isObject = parent.type === "MemberExpression" && key === "object";
  const property =
    isObject && parent["computed"] !== true
      ? nameOf(parent["property"])
      : isObject
        ? literal(parent["property"])
        : null;
  if (name === "Math")
    return property === null || property === "random" ? "Math.random" : undefined;
  if (!AMBIENT_NAMES.has(name)) return undefined;
  return property === null ? name : `${name}.${property}`;
};

/** Names that a binding pattern introduces; defaults and type annotations introduce none. */
const namesBoundBy = (pattern: unknown): readonly string[] => {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case "Identifier":
      return [pattern["name"] as string];
    case "ObjectPattern":
      return (pattern["properties"] as readonly Node[]).flatMap((one) =>
        namesBoundBy(one["value"] ?? one["argument"]),
      );
    case "ArrayPattern":
      return (pattern["elements"] as readonly unknown[]).flatMap(namesBoundBy);
    case "AssignmentPattern":
      return namesBoundBy(pattern["left"]);
    case "RestElement":
      return namesBoundBy(pattern["argument"]);
    default:
      return [];
  }
};

/** Names that `node` binds, when it declares something that exists at run time. */
const bindingsOf = (node: Node): readonly string[] => {
  if (node["declare"] === true) return [];
  const params = Array.isArray(node["params"]) ? node["params"].flatMap(namesBoundBy) : [];
  switch (node.type) {
    case "VariableDeclaration":
      return (node["declarations"] as readonly Node[]).flatMap((one) => namesBoundBy(one["id"]));
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return namesBoundBy(node["local"]);
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return [...params, ...namesBoundBy(node["id"])];
    default:
      return params;
  }
};

const lineCounter = (text: string): ((offset: number) => number) => {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
};

/** Parses one TypeScript file; a file that does not parse yields its errors and whatever was understood. */
export const readSource = (path: string, text: string): SourceFacts => {
  const parsed = parseSync(path, text, { sourceType: "module" });
  const lineOf = lineCounter(text);
  const edges: ImportEdge[] = [];
  const ambient: AmbientUse[] = [];
  const asyncLines: number[] = [];
  const defaultExportLines: number[] = [];
  const bound = new Set<string>();
  const visit = (node: Node, parent: Node, key: string): void => {
    const line = lineOf(node.start);
    for (const name of bindingsOf(node)) bound.add(name);
    const edge = importOf(node);
    if (edge !== undefined) edges.push({ ...edge, line });
    const name = ambientOf(node, parent, key);
    if (name !== undefined) ambient.push({ name, line });
    if (isAsync(node)) asyncLines.push(line);
    if (node.type === "ExportDefaultDeclaration") defaultExportLines.push(line);
    for (const [childKey, child] of Object.entries(node)) {
      for (const one of Array.isArray(child) ? child : [child])
        if (isNode(one)) visit(one, node, childKey);
    }
  };
  const program = parsed.program as unknown as Node;
  visit(program, program, "");
  for (const comment of parsed.comments) {
    const reference = /^\/\s*<reference\s+(?:path|types)\s*=\s*["']([^"']+)["']/.exec(
      comment.value,
    );
    if (reference !== null)
      edges.push({
        specifier: reference[1] ?? null,
        isTypeOnly: true,
        line: lineOf(comment.start),
      });
  }
  return {
    edges,
    ambient: ambient.filter((use) => !bound.has(use.name.split(".")[0] ?? "")),
    asyncLines,
    defaultExportLines,
    opensWithDocComment: /^(?:#![^\n]*\n)?\/\*\*\s*\S/.test(text),
    syntaxErrors: parsed.errors.map((error) => error.message),
  };
};
