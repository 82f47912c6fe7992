/** Holds source files against the layer table: imports, library owners, purity, names, doc comments. */
import { builtinModules } from "node:module";
import { basename, dirname, posix } from "node:path";
import type { Layer } from "./layer-table.ts";
import { type AmbientUse, type ImportEdge, readSource, type SourceFacts } from "./source-facts.ts";

export interface SourceFile {
  /** Relative to the project's root, with "/" between folders. */
  readonly path: string;
  readonly text: string;
}

export interface TidyReport {
  /** "path:line: what is wrong and what would be right". */
  readonly violations: readonly string[];
  readonly fileCount: number;
  readonly edgeCount: number;
  /** Imports from one folder into another. */
  readonly crossFolderEdgeCount: number;
}

/** Where an import leads: a folder of ours, a library (with its package name), or nowhere we know. */
type Destination =
  | { readonly kind: "folder"; readonly folder: string; readonly isRelative: boolean }
  | { readonly kind: "library"; readonly name: string }
  | { readonly kind: "outside"; readonly path: string };

/** What this package exports under its own name, as users' repositories import it: the experiment language. */
const OWN_PACKAGE = "escapement";
const OUTER_FOLDERS: ReadonlySet<string> = new Set(["experiments", "scripts", "test"]);
const BUILTINS: ReadonlySet<string> = new Set(
  builtinModules.map((name) => name.replace(/^node:/, "")),
);
const SOURCE_EXTENSION = /\.[cm]?[jt]sx?$/;
const GENERATED = /^src\/wire\/generated\//;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*\.[cm]?[jt]sx?$/;
const KITCHEN_SINKS: ReadonlySet<string> = new Set([
  "index",
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "misc",
  "manager",
]);

export const isSource = (path: string): boolean => SOURCE_EXTENSION.test(path);

/** The folder of the layer table that `path` lies in; null for a file that lies in none. */
const folderOf = (path: string): string | null => {
  const [first, second, third] = path.split("/");
  if (first === "src") return second === undefined || third === undefined ? null : second;
  return first !== undefined && second !== undefined && OUTER_FOLDERS.has(first) ? first : null;
};

const packageName = (specifier: string): string =>
  specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

const destinationOf = (from: string, specifier: string): Destination => {
  if (specifier === OWN_PACKAGE) return { kind: "folder", folder: "experiment", isRelative: false };
  const isRelative = specifier.startsWith(".");
  if (isRelative || specifier.startsWith("#")) {
    const path = isRelative
      ? posix.join(dirname(from), specifier)
      : posix.join("src", specifier.slice(1));
    const folder = folderOf(path);
    return folder === null ? { kind: "outside", path } : { kind: "folder", folder, isRelative };
  }
  if (specifier.startsWith("/") || /^(?:file|data|https?):/.test(specifier))
    return { kind: "outside", path: specifier };
  // Before Node's modules, because Bun lists its own among them.
  if (specifier === "bun" || specifier.startsWith("bun:")) return { kind: "library", name: "bun" };
  const bare = specifier.replace(/^node:/, "");
  if (specifier.startsWith("node:") || BUILTINS.has(bare))
    return { kind: "library", name: `node:${bare}` };
  return { kind: "library", name: packageName(specifier) };
};

const mayOwn = (layer: Layer, library: string): boolean =>
  layer.libraries === null ||
  layer.libraries.has(library) ||
  (library.startsWith("node:") && layer.libraries.has("node:"));

const ownersOf = (table: ReadonlyMap<string, Layer>, library: string): readonly string[] =>
  [...table.values()]
    .filter((layer) => layer.libraries !== null && mayOwn(layer, library))
    .map((layer) => layer.folder);

const checkLibrary = (
  table: ReadonlyMap<string, Layer>,
  layer: Layer,
  name: string,
): string | null => {
  if (isShell(name) && layer.folder !== "remote" && layer.libraries !== null)
    return `imports "${name}": only remote builds shell strings`;
  if (mayOwn(layer, name)) return null;
  const owners = ownersOf(table, name);
  return owners.length === 0
    ? `imports "${name}", which no folder owns: give it an owner in ARCHITECTURE.md and a line in docs/dependencies.md`
    : `imports "${name}", which belongs to ${owners.join(", ")}`;
};

const checkFolder = (
  layer: Layer,
  to: Extract<Destination, { kind: "folder" }>,
  isTypeOnly: boolean,
): string | null => {
  if (to.folder === layer.folder) return null;
  if (to.folder === "test" || (to.folder === "scripts" && layer.folder !== "test"))
    return `imports ${to.folder}, which nothing may import`;
  if (to.isRelative && !OUTER_FOLDERS.has(to.folder))
    return `reaches into ${to.folder} by a relative path: write "#${to.folder}/…"`;
  if (to.folder === "stdx") return null;
  if (layer.imports === null) {
    return to.folder === "experiments" && layer.folder === "cli"
      ? "imports experiments: load the file by its path"
      : null;
  }
  if (layer.imports.has(to.folder)) return null;
  if (!layer.typeImports.has(to.folder))
    return `imports ${to.folder}, which the layer table does not allow`;
  return isTypeOnly
    ? null
    : `imports values of ${to.folder}, of which the layer table allows types only`;
};

/** A file's place in the table. */
interface Place {
  readonly table: ReadonlyMap<string, Layer>;
  readonly layer: Layer;
  readonly path: string;
}

const checkEdge = ({ table, layer, path }: Place, edge: ImportEdge): string | null => {
  if (edge.specifier === null) {
    return layer.imports === null
      ? null
      : "imports a path computed at run time, which only cli may";
  }
  const to = destinationOf(path, edge.specifier);
  switch (to.kind) {
    case "folder":
      return table.has(to.folder)
        ? checkFolder(layer, to, edge.isTypeOnly)
        : `imports ${to.folder}, which is no row of the layer table`;
    case "library":
      return checkLibrary(table, layer, to.name);
    case "outside":
      return layer.imports === null && /(?:^|\/)package\.json$/.test(to.path)
        ? null
        : `imports "${edge.specifier}", which lies outside the layered folders`;
  }
};

/**
 * `process`, `Bun` and `import.meta` carry the environment and the arguments, which only cli may read; so nobody else
 * takes them as a whole, where what is read of them can no longer be seen.
 */
const isEnvironment = (name: string): boolean =>
  /^(?:process|Bun|import\.meta)(?:\.(?:env|argv|execArgv))?$/.test(name) ||
  /^(?:globalThis|global|self|window)(?:\.(?:process|Bun))?$/.test(name);

/** Strings that a shell reads are built in remote alone. */
const isShell = (name: string): boolean => name === "Bun.$" || name === "node:child_process";

const checkAmbient = (layer: Layer, use: AmbientUse): string | null => {
  if (layer.imports === null) return null;
  if (layer.purity === "impure" && isEnvironment(use.name))
    return `reads ${use.name}: only cli does, and hands it on`;
  if (layer.folder !== "remote" && isShell(use.name))
    return `uses ${use.name}: only remote builds shell strings`;
  if (use.name.startsWith("process.") && layer.purity === "impure")
    return mayOwn(layer, "node:process") ? null : `uses ${use.name}: Node belongs to host and cli`;
  if (use.name === "Bun" || use.name.startsWith("Bun."))
    return mayOwn(layer, "bun")
      ? null
      : `uses ${use.name}: the runtime belongs to host, remote and cli`;
  if (layer.purity === "impure") return null;
  if (layer.purity === "may await" && use.name.split(".")[0] === "Promise") return null;
  return `uses ${use.name} in a pure folder: take it as an argument, or do it in host`;
};

const checkNames = (path: string): readonly string[] => {
  const name = basename(path);
  const stem = name.replace(SOURCE_EXTENSION, "");
  const found: string[] = [];
  if (!KEBAB_CASE.test(name)) found.push(`${path}:1: a file name is kebab-case`);
  if (KITCHEN_SINKS.has(stem))
    found.push(`${path}:1: "${stem}" says nothing: name the file after what it holds`);
  return found;
};

const checkFacts = (place: Place, facts: SourceFacts): readonly string[] => {
  const { layer, path } = place;
  const found: string[] = [];
  const report = (line: number, message: string | null): void => {
    if (message !== null) found.push(`${path}:${line}: ${message}`);
  };
  for (const message of facts.syntaxErrors) report(1, `does not parse: ${message}`);
  for (const edge of facts.edges) report(edge.line, checkEdge(place, edge));
  for (const use of facts.ambient) report(use.line, checkAmbient(layer, use));
  if (layer.purity === "pure")
    for (const line of facts.asyncLines)
      report(line, "is asynchronous in a pure folder: return an effect and be stepped again");
  if (layer.folder !== "experiments" && !path.endsWith(".d.ts"))
    for (const line of facts.defaultExportLines)
      report(line, "has a default export, which only experiments have");
  if (!facts.opensWithDocComment)
    report(1, "must open with a doc comment that says what the file is for");
  return found;
};

/** Checks every file; pure, so that planted sources are checked exactly as the real ones are. */
export const checkSources = (
  table: ReadonlyMap<string, Layer>,
  files: readonly SourceFile[],
): TidyReport => {
  const violations: string[] = [];
  let edgeCount = 0;
  let crossFolderEdgeCount = 0;
  for (const { path, text } of files) {
    const folder = folderOf(path);
    const layer = folder === null ? undefined : table.get(folder);
    if (layer === undefined) {
      violations.push(
        `${path}:1: lies in ${folder === null ? "no folder" : `"${folder}", which is no row`} of the layer table in ARCHITECTURE.md`,
      );
      continue;
    }
    const facts = readSource(path, text);
    edgeCount += facts.edges.length;
    for (const edge of facts.edges) {
      const to = edge.specifier === null ? null : destinationOf(path, edge.specifier);
      if (to?.kind === "folder" && to.folder !== folder) crossFolderEdgeCount++;
    }
    const found = checkFacts({ table, layer, path }, facts);
    violations.push(
      ...(GENERATED.test(path)
        ? found.filter((line) => !line.includes("doc comment"))
        : [...found, ...checkNames(path)]),
    );
  }
  return { violations, fileCount: files.length, edgeCount, crossFolderEdgeCount };
};
