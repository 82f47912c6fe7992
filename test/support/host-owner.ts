/** A program for tests: opens a local host, launches stubborn processes, says "all up", and waits to be killed. */
import { join } from "node:path";
import { openLocalHost } from "#remote/local.ts";
import { STUBBORN } from "./stubborn.ts";

const [marker = "", folder = "", leaseMs = "", graceMs = ""] = process.argv.slice(2);
const up = new Set<string>();
const host = await openLocalHost({
  env: { PATH: process.env["PATH"] ?? "" },
  marker,
  leaseMs: Number(leaseMs),
  graceMs: Number(graceMs),
  onEvent: (event) => {
    if (event.kind === "line") up.add(event.name);
    if (up.size === Object.keys(STUBBORN).length) process.stdout.write("all up\n");
  },
});
for (const [name, command] of Object.entries(STUBBORN)) {
  await host.launch({ name, command, cwd: folder, env: {}, logPath: join(folder, `${name}.log`) });
}
