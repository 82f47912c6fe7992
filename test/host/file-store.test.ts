/** Files of a results folder: whole or absent, described exactly. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  describeFile,
  isDiskFull,
  listFiles,
  makeNewFolder,
  makeReadOnly,
  probeWritable,
  Reserve,
  readJson,
  writeJson,
} from "#host/file-store.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const describeText = (text: string): ReturnType<typeof describeFile> => {
  const path = join(folder, "x");
  writeFileSync(path, text);
  return describeFile(path);
};

test("describes a file by bytes, lines, hash and whether its last line is whole", async () => {
  // The hash of "abc" that FIPS 180-2 gives as its first example.
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(await describeText("abc")).toEqual({ bytes: 3, lines: 0, sha256: abc, endsWhole: false });
  expect(await describeText("a\tb\n1\t2\n")).toMatchObject({ bytes: 8, lines: 2, endsWhole: true });
  expect(await describeText("")).toMatchObject({ bytes: 0, lines: 0, endsWhole: true });
  // Two bytes per character; larger than one piece of reading.
  expect(await describeText("é\n".repeat(100_000))).toMatchObject({
    bytes: 300_000,
    lines: 100_000,
    endsWhole: true,
  });
});

test("writes JSON whole, leaves nothing else, and reads it back", async () => {
  const path = join(folder, "x.json");
  await writeJson(path, { a: 1 });
  await writeJson(path, { a: 2 });
  expect(await readJson(path)).toEqual({ a: 2 });
  expect(readdirSync(folder)).toEqual(["x.json"]);
  expect(readFileSync(path, "utf8")).toEndWith("}\n");
  expect(await readJson(join(folder, "absent.json"))).toBeNull();
});

test("a write that fails leaves the old content and no other file", async () => {
  const path = join(folder, "x.json");
  mkdirSync(path);
  // A folder cannot be replaced by a file.
  expect(writeJson(path, {})).rejects.toThrow();
  await writeJson(path, {}).catch(() => undefined);
  expect(readdirSync(folder)).toEqual(["x.json"]);
});

test("lists files below a folder in order", async () => {
  mkdirSync(join(folder, "b"));
  for (const name of ["z", "b/a", "a"]) writeFileSync(join(folder, name), "");
  expect(await listFiles(folder)).toEqual(["a", "b/a", "z"]);
  expect(await listFiles(join(folder, "absent"))).toEqual([]);
});

test("a new folder must be new; a read-only file is", async () => {
  await makeNewFolder(join(folder, "p/q"));
  expect(makeNewFolder(join(folder, "p/q"))).rejects.toThrow("EEXIST");
  const path = join(folder, "x");
  writeFileSync(path, "");
  await makeReadOnly(path);
  expect(statSync(path).mode & 0o777).toBe(0o444);
});

test("the probe leaves nothing, and fails where a file is in the way", async () => {
  await probeWritable(join(folder, "new"));
  expect(readdirSync(join(folder, "new"))).toEqual([]);
  writeFileSync(join(folder, "file"), "");
  expect(probeWritable(join(folder, "file"))).rejects.toThrow();
});

test("a reserve takes real room and gives it back", async () => {
  const path = join(folder, "reserve");
  const reserve = await Reserve.take(path, 65_536);
  // Counted in blocks of 512 B.
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(65_536);
  await reserve.release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a full disk is recognised by its code", () => {
  expect(isDiskFull(Object.assign(new Error("x"), { code: "ENOSPC" }))).toBe(true);
  expect(isDiskFull(Object.assign(new Error("x"), { code: "SQLITE_FULL" }))).toBe(true);
  expect(isDiskFull(Object.assign(new Error("x"), { code: "EACCES" }))).toBe(false);
  expect(isDiskFull("ENOSPC")).toBe(false);
});
