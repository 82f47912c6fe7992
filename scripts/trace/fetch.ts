/** Fetches the public Azure Functions 2019 data set, checks it, and unpacks the invocations of one day. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { $ } from "zx";
import { AzureTraceReader } from "#workload/azure-trace.ts";
import { formatTraceProblems } from "#workload/trace-problems.ts";

/** Where the data set's own page sends its readers (the blob storage named in older texts is closed to the public). */
export const DATASET_URL =
  "https://github.com/Azure/AzurePublicDataset/releases/download/dataset-functions-2019/azurefunctions_dataset2019_azurefunctions-dataset2019.tar.xz";

/** Of the archive as it was in August 2026. The publisher gives no sum: `--sha256` accepts another one. */
const ARCHIVE_SHA256 = "aff8b3ca7240a41a109e4ee598e0a96e45fcb92e7b8395ac19cb3748cd260d89";
const ARCHIVE_BYTES = 142_968_140;
/** No day of the release has fewer; a shorter file is damaged. */
const FUNCTIONS_MIN = 30_000;
/** A connection that brings nothing for so long is given up. */
const STALLED_MS = 30_000;

export interface FetchOptions {
  /** 1 to 14. */
  readonly day: number;
  readonly dir: string;
  readonly url?: string;
  readonly sha256?: string;
  readonly onLine: (line: string) => void;
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error
    ? `${cause.message}${"code" in cause ? ` (${String(cause.code)})` : ""}`
    : String(cause);

/** Streams the archive into a file that gets its name only once it is whole; returns its SHA-256. Throws with a reason. */
const download = async (
  url: string,
  path: string,
  onLine: FetchOptions["onLine"],
): Promise<string> => {
  const part = `${path}.part`;
  const stalled = new AbortController();
  const giveUp = (): void => stalled.abort(new Error(`nothing came for ${STALLED_MS / 1000} s`));
  let timer = setTimeout(giveUp, STALLED_MS);
  try {
    const response = await fetch(url, { signal: stalled.signal });
    if (!response.ok || response.body === null) {
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    }
    const total = Number(response.headers.get("content-length") ?? 0);
    const hash = createHash("sha256");
    const file = createWriteStream(part);
    const closed = once(file, "close");
    let [bytes, told] = [0, 0];
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, STALLED_MS);
      hash.update(chunk);
      if (!file.write(chunk)) await once(file, "drain");
      bytes += chunk.byteLength;
      if (bytes - told >= 10e6) {
        told = bytes;
        onLine(`${(bytes / 1e6).toFixed(0)} of ${total === 0 ? "?" : (total / 1e6).toFixed(0)} MB`);
      }
    }
    file.end();
    await closed;
    if (total > 0 && bytes !== total) throw new Error(`${bytes} of ${total} bytes came`);
    renameSync(part, path);
    return hash.digest("hex");
  } catch (cause) {
    rmSync(part, { force: true });
    throw new Error(
      `cannot fetch ${url}: ${reasonOf(cause)}. Without a network, use the shipped trace, or copy the archive to ${path} from elsewhere and run this again.`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
};

const hashFile = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
};

const unpack = async (archive: string, member: string, dir: string): Promise<void> => {
  const unpacked = await $({ nothrow: true, quiet: true })`tar -xJf ${archive} -C ${dir} ${member}`;
  if (unpacked.exitCode !== 0) {
    throw new Error(
      `cannot unpack ${member} from ${archive}: ${unpacked.stderr.trim()} (tar and xz must be installed)`,
    );
  }
};

const check = async (path: string): Promise<string> => {
  const reader = new AzureTraceReader({ begin: () => null, add: () => null });
  const decoder = new TextDecoder();
  for await (const chunk of Bun.file(path).stream())
    reader.push(decoder.decode(chunk, { stream: true }));
  reader.push(decoder.decode());
  const parsed = reader.finish();
  if (!parsed.ok) throw new Error(formatTraceProblems(path, parsed.error));
  const { functionCount, minuteCount } = parsed.value;
  if (functionCount < FUNCTIONS_MIN) {
    throw new Error(
      `${path} has ${functionCount} functions; a day of the release has more than ${FUNCTIONS_MIN}`,
    );
  }
  return `${functionCount} functions, ${minuteCount} minutes`;
};

/** Fetches what is not there yet and unpacks one day; returns the path of its invocations. Throws with a reason. */
export const fetchTrace = async (options: FetchOptions): Promise<string> => {
  const { day, dir, onLine, url = DATASET_URL, sha256 = ARCHIVE_SHA256 } = options;
  mkdirSync(dir, { recursive: true });
  const archive = join(dir, "azurefunctions-dataset2019.tar.xz");
  const isThere = existsSync(archive);
  onLine(isThere ? `checking ${archive}` : `fetching ${url} (${ARCHIVE_BYTES / 1e6} MB)`);
  const found = isThere ? await hashFile(archive) : await download(url, archive, onLine);
  if (found !== sha256) {
    const size = statSync(archive).size;
    throw new Error(
      `${archive} (${size} bytes) is not the archive that is known here: its SHA-256 is ${found}, not ${sha256}. ` +
        `Delete it and run this again; if the publisher has changed the archive, pass --sha256 ${found}.`,
    );
  }
  const member = `invocations_per_function_md.anon.d${String(day).padStart(2, "0")}.csv`;
  onLine(`unpacking ${member}`);
  await unpack(archive, member, dir);
  const path = join(dir, member);
  onLine(`${path}: ${await check(path)}`);
  return path;
};
