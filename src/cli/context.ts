/** What a command may know of its surroundings; read once, at the start. */

export interface CliContext {
  /** The folder the user is in (the launcher changes to the project's root). */
  readonly cwd: string;
  /** The project's root folder. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}
