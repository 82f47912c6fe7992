/** The files that a commit would hold, and the rules on their text: no author's paths, no registry's URLs, no big blobs. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A file larger than this does not belong in the repository. */
export const FILE_BYTES_MAX = 1024 * 1024;
/** Nor do all of them together. */
export const TREE_BYTES_MAX = 16 * 1024 * 1024;

const UNTRACKED_FOLDERS: ReadonlySet<string> = new Set([
  ".git",
  "node_modules",
  ".tools",
  "results",
  "coverage",
]);
const TEXT =
  /\.(?:[cm]?[jt]sx?|json|md|toml|yml|yaml|sql|proto|csv|tsv|txt|sh|svg|lock)$|(?:^|\/)(?:run|LICENSE|\.[a-z]+)$/;
/** Split, so that this file does not hold what it looks for. */
const HOME_PATHS = new RegExp(`/(?:${["home", "Users"].join("|")})/[A-Za-z]`);

const walk = (root: string, folder: string): readonly string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return UNTRACKED_FOLDERS.has(entry.name) ? [] : walk(root, path);
    return entry.isFile() ? [path] : [];
  });

/** Every file that is tracked or would be by `git add`; without git or a repository, every file outside the ignored folders. */
export const listFiles = (root: string): readonly string[] => {
  const listed = existsSync(join(root, ".git"))
    ? Bun.spawnSync(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
        cwd: root,
        stderr: "ignore",
      })
    : null;
  const paths =
    listed?.exitCode === 0
      ? listed.stdout
          .toString()
          .split("\0")
          .filter((path) => path !== "")
      : walk(root, "");
  return [...new Set(paths)]
    .filter((path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true)
    .toSorted();
};

const checkText = (path: string, text: string, root: string): readonly string[] => {
  const found: string[] = [];
  const lines = text.split("\n");
  const at = (isBad: (line: string) => boolean): number => lines.findIndex(isBad) + 1;
  const home = at((line) => HOME_PATHS.test(line));
  if (home > 0) found.push(`${path}:${home}: holds a path in somebody's home folder`);
  const checkout = at((line) => line.includes(`${root}/`));
  if (checkout > 0) found.push(`${path}:${checkout}: holds the path of this checkout`);
  if (path === "bun.lock") {
    const url = at((line) => /https?:\/\//.test(line));
    if (url > 0)
      found.push(
        `${path}:${url}: holds a registry's URL: replace it by "", the integrity hash stays`,
      );
  }
  const encoded = path.endsWith(".ts")
    ? at((line) => /import\.meta\.url\)\.pathname/.test(line))
    : 0;
  if (encoded > 0) {
    found.push(
      `${path}:${encoded}: a URL's pathname breaks in a folder with spaces: fileURLToPath`,
    );
  }
  if (path.endsWith(".test.ts")) {
    const muted = at((line) => /\b(?:test|it|describe)\.(?:skip|only|todo)\(/.test(line));
    if (muted > 0)
      found.push(
        `${path}:${muted}: a test is never muted: mend it, or use skipIf with the reason printed`,
      );
  }
  return found;
};

export interface RepositoryReport {
  readonly violations: readonly string[];
  readonly fileCount: number;
  readonly textCount: number;
  readonly bytes: number;
}

/** Checks the text and the size of `paths`, which are relative to `root`. */
export const checkRepository = (root: string, paths: readonly string[]): RepositoryReport => {
  const violations: string[] = [];
  let textCount = 0;
  let bytes = 0;
  for (const path of paths) {
    const size = statSync(join(root, path)).size;
    bytes += size;
    if (size > FILE_BYTES_MAX)
      violations.push(`${path}:1: ${size} bytes; a file has at most ${FILE_BYTES_MAX}`);
    if (!TEXT.test(path)) continue;
    textCount++;
    violations.push(...checkText(path, readFileSync(join(root, path), "utf8"), root));
  }
  if (bytes > TREE_BYTES_MAX)
    violations.push(`all files together have ${bytes} bytes; ${TREE_BYTES_MAX} is the most`);
  return { violations, fileCount: paths.length, textCount, bytes };
};
