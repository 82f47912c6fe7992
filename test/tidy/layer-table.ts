/** Reads the layer table out of ARCHITECTURE.md, so that the document and the check cannot diverge. */

/** What one folder may do. `null` means "all". */
export interface Layer {
  readonly folder: string;
  readonly imports: ReadonlySet<string> | null;
  readonly typeImports: ReadonlySet<string>;
  readonly purity: "pure" | "may await" | "impure";
  /** Package names, plus "bun", "node:" or one module as "node:path"; null means any. */
  readonly libraries: ReadonlySet<string> | null;
}

const HEADER = "| Folder | May import | Pure | Owns |";

const words = (cell: string): readonly string[] =>
  cell
    .split(/,| and /)
    .map((word) => word.trim())
    .filter((word) => word !== "" && word !== "—");

const parsePurity = (cell: string): Layer["purity"] => {
  if (cell === "✓") return "pure";
  if (cell === "may await") return "may await";
  if (cell === "") return "impure";
  throw new Error(
    `the layer table's column "Pure" says "${cell}": write ✓, "may await" or nothing`,
  );
};

const parseRow = (row: string): Layer => {
  const cells = row.split("|").map((cell) => cell.trim());
  const [, folder, mayImport, pure, owns] = cells;
  if (folder === undefined || mayImport === undefined || pure === undefined || owns === undefined) {
    throw new Error(`a row of the layer table has too few cells: ${row}`);
  }
  const [full = "", types = ""] = mayImport.split(";").map((part) => part.trim());
  return {
    folder,
    imports: full === "all" ? null : new Set(words(full)),
    typeImports: new Set(words(types.replace(/^types of /, ""))),
    purity: parsePurity(pure),
    libraries: owns === "all" ? null : new Set(words(owns).map((word) => word.replaceAll("`", ""))),
  };
};

/** Folder name to its layer; throws when the document holds no table or names a folder twice. */
export const parseLayerTable = (markdown: string): ReadonlyMap<string, Layer> => {
  const lines = markdown.split("\n");
  const start = lines.indexOf(HEADER);
  if (start < 0) throw new Error(`ARCHITECTURE.md has no line "${HEADER}"`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  const layers = lines.slice(start + 2, end).map(parseRow);
  const table = new Map(layers.map((layer) => [layer.folder, layer]));
  if (table.size !== layers.length) throw new Error("the layer table names a folder twice");
  for (const layer of layers) {
    for (const name of [...(layer.imports ?? []), ...layer.typeImports]) {
      if (!table.has(name))
        throw new Error(`the layer table lets ${layer.folder} import "${name}", which is no row`);
    }
  }
  return table;
};
