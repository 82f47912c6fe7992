/** Finds links of Markdown files that lead to no file. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const LINK = /!?\[[^\]]*\]\(([^()\s]+)\)/g;
const FENCE = /^```[\s\S]*?^```/gm;

/** Relative links of `text`, without anchors; what stands in code is no link. */
export const relativeLinks = (text: string): readonly string[] =>
  [...text.replaceAll(FENCE, "").matchAll(LINK)]
    .map((match) => match[1] ?? "")
    .filter((link) => !/^[a-z]+:/.test(link) && !link.startsWith("#"))
    .map((link) => link.replace(/#.*$/, ""));

/** "page: link" for every relative link of `paths` (relative to `root`) that leads nowhere, and how many there are. */
export const checkLinks = (
  root: string,
  paths: readonly string[],
): { readonly broken: readonly string[]; readonly linkCount: number } => {
  const links = paths.flatMap((path) =>
    relativeLinks(readFileSync(join(root, path), "utf8")).map((link) => ({ path, link })),
  );
  const broken = links.filter(({ path, link }) => !existsSync(join(root, dirname(path), link)));
  return { broken: broken.map(({ path, link }) => `${path}: ${link}`), linkCount: links.length };
};
