/** A role as a process of its own, whose lines can be waited for, and which can be stopped, continued and killed. */
import { join, resolve } from "node:path";

const MAIN = join(resolve(import.meta.dir, "../.."), "src/cli/main.ts");

export class RoleProcess {
  readonly lines: string[] = [];
  readonly #child: ReturnType<typeof RoleProcess.spawn>;
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = RoleProcess.spawn(args, env);
    void this.#read();
  }

  static spawn(args: readonly string[], env: Readonly<Record<string, string>>) {
    return Bun.spawn([process.execPath, MAIN, "clockwork", ...args], {
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
  }

  /** The line, or the n-th, that holds the text; fails when there is none before the process ends. */
  said(text: string, times = 1): Promise<string> {
    const { promise, resolve: found, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const line = this.lines.filter((each) => each.includes(text))[times - 1];
      if (line === undefined && !this.#isOver) return;
      this.#listeners.delete(look);
      if (line === undefined)
        reject(new Error(`"${text}" was not said:\n${this.lines.join("\n")}`));
      else found(line);
    };
    this.#listeners.add(look);
    look();
    return promise;
  }

  /** The port of its status line "ready". */
  async port(): Promise<number> {
    const line = await this.said('"event":"ready"');
    return (JSON.parse(line.slice(line.indexOf("{"))) as { readonly port: number }).port;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Settles once it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    // One that is stopped dies of nothing else.
    this.signal("SIGCONT");
    await this.#child.exited;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
      for (const listener of this.#listeners) listener();
    }
    this.#isOver = true;
    for (const listener of this.#listeners) listener();
  }
}
