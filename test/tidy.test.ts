/** The rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can check, held against the whole repository. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkSources, isSource } from "./tidy/check-sources.ts";
import { parseLayerTable } from "./tidy/layer-table.ts";
import { checkLinks, relativeLinks } from "./tidy/markdown-links.ts";
import { checkRepository, listFiles } from "./tidy/repository-files.ts";

const root = resolve(import.meta.dir, "..");
const paths = listFiles(root);
const architecture = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
const table = parseLayerTable(architecture);

test("every source file keeps to its layer", () => {
  const sources = paths
    .filter((path) => isSource(path) && /^(?:src|experiments|scripts|test)\//.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  const report = checkSources(table, sources);
  expect(report.violations).toEqual([]);
  // A check that read nothing would pass as well, so the counts are part of it.
  expect(report.fileCount).toBeGreaterThan(60);
  expect(report.edgeCount).toBeGreaterThan(report.fileCount);
  expect(report.crossFolderEdgeCount).toBeGreaterThan(50);
});

test("no source lies outside the layered folders", () => {
  const strays = paths.filter(
    (path) => isSource(path) && !/^(?:src|experiments|scripts|test)\//.test(path),
  );
  expect(strays).toEqual([]);
});

test("every folder of src has its row and its line in the map", () => {
  const folders = new Set(paths.flatMap((path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? []));
  expect(folders.size).toBeGreaterThan(5);
  for (const folder of folders) {
    expect(table.has(folder), `src/${folder} has no row in ARCHITECTURE.md's table`).toBe(true);
    expect(
      architecture.includes(`src/${folder} `),
      `src/${folder} has no line in ARCHITECTURE.md's map`,
    ).toBe(true);
  }
});

test("files hold no author's paths, no registry's URLs, and are small", () => {
  const report = checkRepository(root, paths);
  expect(report.violations).toEqual([]);
  expect(report.textCount).toBeGreaterThan(80);
});

test("every dependency has its line in docs/dependencies.md", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
    readonly trustedDependencies: readonly string[];
  };
  const document = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(all.length).toBeGreaterThan(10);
  for (const [name, version] of all) {
    expect(document.includes(`| \`${name}\``), `${name} has no row in docs/dependencies.md`).toBe(
      true,
    );
    expect(version, `${name} must have an exact version`).toMatch(/^\d+\.\d+\.\d+/);
  }
  expect(manifest.trustedDependencies).toEqual([]);
});

test("ARCHITECTURE.md stays a page that one reads", () => {
  expect(architecture.split("\n").length).toBeLessThanOrEqual(250);
});

test("links between pages lead somewhere", () => {
  const pages = paths.filter((path) => path.endsWith(".md") && !path.startsWith("test/golden/"));
  const report = checkLinks(root, pages);
  expect(report.broken).toEqual([]);
  expect(report.linkCount).toBeGreaterThan(10);
});

test("a planted broken link is seen, one in a code block is none", () => {
  expect(relativeLinks("[a](gone.md#x) ![b](c.svg)\n```\n[d](e.md)\n```\n[f](https://g)")).toEqual([
    "gone.md",
    "c.svg",
  ]);
  expect(checkLinks(root, ["README.md"]).linkCount).toBeGreaterThan(3);
});
