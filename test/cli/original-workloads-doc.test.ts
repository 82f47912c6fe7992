/** docs/original-workloads.md lists every workload with the arguments and defaults that it takes. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { WORKLOADS } from "#serving/client/workloads/catalogue.ts";

test("names and arguments", () => {
  const page = readFileSync(resolve(import.meta.dir, "../../docs/original-workloads.md"), "utf8");
  const table = page.split("\n## ")[0] ?? "";
  const rows = [...table.matchAll(/^\| `([\w-]+)` \| (?:`([^|]*)`)? ?\|/gm)].map(
    ([, name, usage = ""]) => `${name} ${usage}`,
  );
  expect(rows).toEqual(WORKLOADS.map(({ name, usage }) => `${name} ${usage}`));
});
