/** Puts a proxy between client and controller: the client is given the proxy's address instead of the controller's. */
import { fileURLToPath } from "node:url";
import type { ProcessSpec } from "#remote/remote.ts";
import { type Impairment, NO_IMPAIRMENT } from "./impairment.ts";
import type { Staging } from "./kind.ts";
import type { ProxyCommand } from "./proxy.ts";

const PROXY = fileURLToPath(new URL("proxy.ts", import.meta.url));

/** The command line with the word after "client", the controller's address, replaced; and that address. */
export const redirectClient = (
  command: readonly string[],
  address: string,
): { readonly command: readonly string[]; readonly controller: string } => {
  const index = command.indexOf("client") + 1;
  const controller = command[index];
  if (index === 0 || controller === undefined)
    throw new Error(`not the command line of a client: ${command.join(" ")}`);
  return { command: command.with(index, address), controller };
};

/** A link of one trial that can get worse and well again. */
export class ImpairedLink {
  #proxy: Bun.Subprocess<"pipe", "pipe", "inherit"> | null = null;

  /** Use as the injection's `launch`. */
  readonly launch = async (spec: ProcessSpec, staging: Staging): Promise<ProcessSpec> => {
    if (spec.name !== "client0") return spec;
    const { controller } = redirectClient(spec.command, "");
    const proxy = Bun.spawn([process.execPath, PROXY, controller, String(staging.seed)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#proxy = proxy;
    staging.own(async () => {
      proxy.kill("SIGKILL");
      await proxy.exited;
    });
    const { value } = await proxy.stdout.getReader().read();
    const port = new TextDecoder().decode(value).trim();
    if (!/^\d+$/.test(port)) throw new Error(`the proxy printed no port but "${port}"`);
    const { command } = redirectClient(spec.command, `127.0.0.1:${port}`);
    return { ...spec, command };
  };

  /** What is not mentioned is as on a good link. */
  impair(to: ProxyCommand["to"], impairment: Partial<Impairment>): void {
    if (this.#proxy === null || this.#proxy.exitCode !== null)
      throw new Error("there is no proxy between client and controller");
    const command: ProxyCommand = { to, impairment: { ...NO_IMPAIRMENT, ...impairment } };
    void this.#proxy.stdin.write(`${JSON.stringify(command)}\n`);
    void this.#proxy.stdin.flush();
  }

  heal(): void {
    this.impair("both", {});
  }
}
