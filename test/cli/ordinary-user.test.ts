/** No role asks for more than a user has: neither real-time priority nor locked memory nor a processor of its own. */
import { expect, test } from "bun:test";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");
/** What the original demands of a machine, taken away; then the command. */
const STRIPPED = 'ulimit -r 0 && ulimit -l 0 && ulimit -n 256 && exec "$@"';

const start = (...args: readonly string[]) => {
  const command = [process.execPath, join(root, "src/cli/main.ts"), "clockwork", ...args];
  return Bun.spawn(["sh", "-c", STRIPPED, "sh", ...command], {
    env: { ...process.env, CLOCKWORK_LOG_DIR: "/nonexistent" },
    stdout: "pipe",
    stderr: "pipe",
  });
};

const isLinux = process.platform === "linux";
if (!isLinux) console.warn("ordinary-user.test.ts: skipped, these limits are Linux's");

test.skipIf(!isLinux).each([
  ["worker", ["worker", "-p", "0"], '"event":"ready"'],
  [
    "controller",
    ["controller", "INFER4", "127.0.0.1:1", "--client-port", "0", "--connect-timeout", "10min"],
    "Connecting to worker",
  ],
] as const)("a %s starts without real-time priority", async (name, args, sign) => {
  await using role = start(...args);
  const reader = role.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes(sign)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended: ${text}${await new Response(role.stderr).text()}`);
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  expect(text).toContain(`Starting Clockwork ${name === "worker" ? "Worker" : "Controller"}`);
  role.kill("SIGTERM");
  expect(await role.exited).toBe(0);
});
