/** Traces: generates a synthetic one from published statistics, or fetches the public Azure Functions 2019 data set. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { expandTraceName } from "#cli/trace-name.ts";
import { parseAzureTrace } from "#workload/azure-trace.ts";
import { compareWithPublished, formatComparison } from "./trace/compare.ts";
import { fetchTrace } from "./trace/fetch.ts";
import { generateTrace } from "./trace/generate.ts";

const USAGE = `usage: ./run trace generate --out FILE [--functions N] [--minutes M] [--first-minute K] [--seed S]
         writes a synthetic trace and prints how far it is from the published statistics;
         a FILE such as d{01..14}.csv gets the same functions on consecutive days (take --minutes 1440)
       ./run trace fetch --day 1..14 --out FOLDER [--sha256 HEX]
         fetches the public data set (143 MB), checks it, and unpacks that day (about 140 MB)`;

/** The user's mistake; printed without a stack. */
class UsageError extends Error {}

const cwd = process.env["ESCAPEMENT_CWD"] ?? process.cwd();

const whole = (text: string, name: string, [least, most]: readonly [number, number]): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(
      `--${name} must be a whole number from ${least} to ${most}, not "${text}"`,
    );
  }
  return value;
};

const readOptions = (argv: readonly string[]) => {
  try {
    const options = {
      out: { type: "string" },
      functions: { type: "string", default: "200" },
      minutes: { type: "string", default: "120" },
      "first-minute": { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      day: { type: "string" },
      sha256: { type: "string" },
    } as const;
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause));
  }
};

type Values = ReturnType<typeof readOptions>["values"];

const outOf = (values: Values, what: string): string => {
  if (values.out === undefined) throw new UsageError(`--out must name the ${what} to write to`);
  return resolve(cwd, values.out);
};

const generate = (values: Values): void => {
  const paths = expandTraceName(outOf(values, "file"));
  const options = {
    functions: whole(values.functions, "functions", [1, 100_000]),
    minutes: whole(values.minutes, "minutes", [1, 1440]),
    firstMinute: whole(values["first-minute"], "first-minute", [0, 1440]),
    seed: whole(values.seed, "seed", [0, Number.MAX_SAFE_INTEGER]),
  };
  for (const [index, path] of paths.entries()) {
    const text = generateTrace({ ...options, day: index + 1 });
    if (index === 0) {
      const parsed = parseAzureTrace(text);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
      console.log(`${formatComparison(compareWithPublished(parsed.value))}\n`);
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${path} (${text.length} bytes)`);
  }
};

const main = async (argv: readonly string[]): Promise<void> => {
  const { positionals, values } = readOptions(argv);
  if (positionals.length === 1 && positionals[0] === "generate") return generate(values);
  if (positionals.length === 1 && positionals[0] === "fetch") {
    const day = whole(values.day ?? "1", "day", [1, 14]);
    const { sha256 } = values;
    const options = {
      day,
      dir: outOf(values, "folder"),
      onLine: (line: string) => console.log(line),
    };
    await fetchTrace(sha256 === undefined ? options : { ...options, sha256 });
    return;
  }
  throw new UsageError(
    positionals.length === 0 ? "say what to do" : `unknown: ${positionals.join(" ")}`,
  );
};

try {
  const argv = process.argv.slice(2);
  if (argv.includes("--help") || argv.includes("-h")) console.log(USAGE);
  else await main(argv);
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(
    isUsage ? `${error.message}\n\n${USAGE}` : error instanceof Error ? error.message : error,
  );
  process.exitCode = isUsage ? 2 : 1;
}
