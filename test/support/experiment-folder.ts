/** A folder outside the repository with experiment files in it, as a user of their own repository has them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { CliContext } from "#cli/context.ts";
import { UserError } from "#cli/exit-codes.ts";
import { type LoadedExperiment, type LoadOptions, loadExperiment } from "#cli/load-experiment.ts";

/** The repository's root. */
export const ROOT = resolve(import.meta.dir, "../..");

/** A temporary folder, removed at the end of its `using` scope. */
export class ExperimentFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "experiment-"));
  readonly context: CliContext = { cwd: this.path, root: ROOT, env: {} };

  async write(name: string, text: string): Promise<string> {
    const path = join(this.path, name);
    await Bun.write(path, text);
    return path;
  }

  /** Loads a file that must be valid. */
  async load(file: string, options: Partial<LoadOptions> = {}): Promise<LoadedExperiment> {
    return loadExperiment(this.context, file, { set: [], ...options });
  }

  /** Loads a file that must be refused; any other failure than a `UserError` passes through. */
  async refusal(
    file: string,
    options: Partial<LoadOptions> = {},
  ): Promise<{ readonly message: string; readonly exitCode: number }> {
    try {
      await this.load(file, options);
    } catch (error) {
      if (error instanceof UserError) return { message: error.message, exitCode: error.exitCode };
      throw error;
    }
    throw new Error(`${file} was accepted`);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
