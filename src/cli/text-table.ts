/** A table for a terminal. */

/** Columns as wide as their widest cell; those in `alignRight` end at the same place. */
export const showTable = (
  rows: readonly (readonly string[])[],
  alignRight: ReadonlySet<number>,
): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        alignRight.has(column)
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
};
