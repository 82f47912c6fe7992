/** Options about who may connect, alike for every role: a shared secret, which never stands on a command line, and an allow-list. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import type { CliContext } from "#cli/context.ts";
import { EXIT, UserError } from "#cli/exit-codes.ts";
import { AllowList } from "#host/allow-list.ts";

const SECRET_VARIABLE = "ESCAPEMENT_SECRET";
/** Below this a secret could be guessed from one handshake that somebody listened to. */
const BYTES_MIN = 16;
const BYTES_MAX = 4096;

export const secretOption = (): Option =>
  new Option(
    "--secret-file <file>",
    `secret that both sides of every connection must have (or the variable ${SECRET_VARIABLE})`,
  );

const parseAllowList = (text: string): AllowList => {
  const list = AllowList.parse(text);
  if (list.ok) return list.value;
  throw new InvalidArgumentError(list.error);
};

export const allowOption = (who: string): Option =>
  new Option(
    "--allow <networks>",
    `where ${who} may come from, as 10.0.0.0/8,fd00::/8 (anywhere)`,
  ).argParser(parseAllowList);

/** A file that only its owner can read. */
const readSecretFile = (path: string): string => {
  const fail = (why: string): never => {
    throw new UserError(EXIT.BAD_INPUT, `the secret file ${path} ${why}`);
  };
  let fd = -1;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    fail(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & 0o170_000) !== 0o100_000) fail("is no file");
    const rights = (mode & 0o777).toString(8);
    if ((mode & 0o077) !== 0) fail(`is open to others (mode ${rights}): chmod 600 ${path}`);
    if (size > BYTES_MAX) fail(`is larger than ${BYTES_MAX} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
};

/** The secret of the file, else of the environment; null when there is neither. Line breaks at its end do not belong to it. */
export const readSecret = (file: string | undefined, context: CliContext): Uint8Array | null => {
  const text =
    file === undefined
      ? (context.env[SECRET_VARIABLE] ?? "")
      : readSecretFile(resolve(context.cwd, file));
  const secret = new TextEncoder().encode(text.replace(/[\r\n]+$/, ""));
  if (file === undefined && secret.length === 0) return null;
  if (secret.length >= BYTES_MIN) return secret;
  const where = file === undefined ? `the variable ${SECRET_VARIABLE}` : `the secret file ${file}`;
  const message = `${where} holds ${secret.length} bytes, and a secret has at least ${BYTES_MIN}; make one with: head -c 32 /dev/urandom | base64`;
  throw new UserError(EXIT.BAD_INPUT, message);
};
