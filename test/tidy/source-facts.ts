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

/** Identifiers that reach outside the program, unless a scope around their use binds the name. */
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
  // The locale and the time zone of the machine.
  "Intl",
  "AbortSignal",
  "Atomics",
  "FinalizationRegistry",
  "WeakRef",
  "postMessage",
]);

/** Modules that are the environment under another name. */
const ENVIRONMENT_MODULES: ReadonlyMap<unknown, string> = new Map([
  ["node:process", "process"],
  ["process", "process"],
  ["bun", "Bun"],
]);

/** Nodes within which a name is known that is not known outside. */
const SCOPES: ReadonlySet<string> = new Set([
  "BlockStatement",
  "StaticBlock",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "SwitchStatement",
  "CatchClause",
  "TSModuleBlock",
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
  ImportSpecifier: ["imported", "local"],
  ImportDefaultSpecifier: ["local"],
  ImportNamespaceSpecifier: ["local"],
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
      // `require(…)`, `require.resolve(…)`, and `require` as a member: of import.meta, of a module.
      const member = isNode(callee) && callee.type === "MemberExpression" ? callee : null;
      const isRequire =
        nameOf(callee) === "require" ||
        nameOf(member?.["property"]) === "require" ||
        (nameOf(member?.["property"]) === "resolve" && nameOf(member?.["object"]) === "require");
      return isRequire
        ? { specifier: literal((node["arguments"] as readonly unknown[])[0]), isTypeOnly: false }
        : undefined;
    }
    default:
      return undefined;
  }
};

/** `export default …`, or `export { x as default }`. */
const isDefaultExport = (node: Node): boolean =>
  node.type === "ExportDefaultDeclaration" ||
  (node.type === "ExportSpecifier" && nameOf(node["exported"]) === "default");

const isAsync = (node: Node): boolean =>
  node.type === "AwaitExpression" ||
  node["async"] === true ||
  (node.type === "ForOfStatement" && node["await"] === true) ||
  (node.type === "VariableDeclaration" && node["kind"] === "await using");

/** The member of `node` that its parent names, when that is all that is used of it; null otherwise. */
const memberOf = (parent: Node, key: string): string | null => {
  if (parent.type === "TSQualifiedName" && key === "left") return nameOf(parent["right"]);
  if (parent.type !== "MemberExpression" || key !== "object") return null;
  return parent["computed"] === true ? literal(parent["property"]) : nameOf(parent["property"]);
};

/** The ambient thing that `node` touches, by a name for messages ("Date", "Math.random", "import.meta", "process.env"). */
const ambientOf = (node: Node, parent: Node, key: string): string | undefined => {
  const isMeta = node.type === "MetaProperty" && nameOf(node["meta"]) === "import";
  if (!isMeta && (node.type !== "Identifier" || isLabel(parent, key))) return undefined;
  const name = isMeta ? "import.meta" : (node["name"] as string);
  const member = memberOf(parent, key);
  if (name === "Math") return member === null || member === "random" ? "Math.random" : undefined;
  // A call of `require` is an import; any other use of it is an import in disguise.
  if (name === "require") return key === "callee" || member === "resolve" ? undefined : "require";
  if (!isMeta && !AMBIENT_NAMES.has(name)) return undefined;
  return member === null ? name : `${name}.${member}`;
};

/** What an import or a re-export takes from the environment: members by their name, the whole under another name as "process". */
const environmentImports = (node: Node): readonly string[] => {
  if (!/^(?:Import|ExportNamed|ExportAll)Declaration$/.test(node.type)) return [];
  const module = ENVIRONMENT_MODULES.get(literal(node["source"]));
  if (module === undefined) return [];
  if (node.type === "ExportAllDeclaration") return [module];
  return (node["specifiers"] as readonly Node[]).flatMap((one) => {
    if (one.type === "ImportSpecifier") return [`${module}.${nameOf(one["imported"])}`];
    if (one.type === "ExportSpecifier") return [`${module}.${nameOf(one["local"])}`];
    return nameOf(one["local"]) === module ? [] : [module];
  });
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

/** Names that `node` binds within itself. */
const innerBindingsOf = (node: Node): readonly string[] => {
  if (node.type === "CatchClause") return namesBoundBy(node["param"]);
  return Array.isArray(node["params"]) ? node["params"].flatMap(namesBoundBy) : [];
};

/** Names that `node` binds around itself, when it declares something that exists at run time. */
const bindingsOf = (node: Node): readonly string[] => {
  if (node["declare"] === true) return [];
  switch (node.type) {
    case "VariableDeclaration":
      return (node["declarations"] as readonly Node[]).flatMap((one) => namesBoundBy(one["id"]));
    case "ImportDeclaration": {
      // `import process from "node:process"` is no name of the file's own.
      const module = ENVIRONMENT_MODULES.get(literal(node["source"]));
      return (node["specifiers"] as readonly Node[])
        .flatMap((one) => namesBoundBy(one["local"]))
        .filter((name) => name !== module);
    }
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return namesBoundBy(node["id"]);
    default:
      return [];
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
  const ambient: (AmbientUse & { readonly scopes: readonly ReadonlySet<string>[] })[] = [];
  const asyncLines: number[] = [];
  const defaultExportLines: number[] = [];
  /** Innermost last. */
  let scopes: readonly Set<string>[] = [new Set()];
  const visit = (node: Node, parent: Node, key: string): void => {
    const line = lineOf(node.start);
    const outer = scopes;
    for (const name of bindingsOf(node)) outer.at(-1)?.add(name);
    if (SCOPES.has(node.type) || Array.isArray(node["params"]))
      scopes = [...outer, new Set(innerBindingsOf(node))];
    const edge = importOf(node);
    if (edge !== undefined) edges.push({ ...edge, line });
    for (const name of environmentImports(node)) ambient.push({ name, line, scopes: [] });
    const name = ambientOf(node, parent, key);
    // Judged at the end: a name may be bound below its use.
    if (name !== undefined) ambient.push({ name, line, scopes });
    if (isAsync(node)) asyncLines.push(line);
    if (isDefaultExport(node)) defaultExportLines.push(line);
    for (const [childKey, child] of Object.entries(node)) {
      for (const one of Array.isArray(child) ? child : [child])
        if (isNode(one)) visit(one, node, childKey);
    }
    scopes = outer;
  };
  const program = parsed.program as unknown as Node;
  visit(program, program, "");
  const isBound = ({ name, scopes: around }: (typeof ambient)[number]): boolean =>
    around.some((scope) => scope.has(name.split(".")[0] ?? ""));
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
    ambient: ambient.filter((use) => !isBound(use)).map(({ name, line }) => ({ name, line })),
    asyncLines,
    defaultExportLines,
    opensWithDocComment: /^(?:#![^\n]*\n)?\/\*\*\s*\S/.test(text),
    syntaxErrors: parsed.errors.map((error) => error.message),
  };
};
