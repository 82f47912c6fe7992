/** `./run fuzz`: damaged frames by the million, to both ends of both links; no exception, no hang, no growth of memory. */
import { heapStats } from "bun:jsc";
import { parseArgs } from "node:util";
import { followLauncher } from "#cli/follow-launcher.ts";
import { peakMiB } from "./bench/peak-memory.ts";
import { cpuSecondsOf, linesOf } from "./bench/role-process.ts";
import { FRAMES_PER_ROUND, FUZZ_LINKS, type FuzzLink, LinkFuzzer } from "./fuzz/link-fuzzer.ts";
import { ROOT } from "./step.ts";

const USAGE = `usage: ./run fuzz [--frames 10000000] [--link client|workers] [--seed 1]
         damages so many frames of each link, feeds them to what reads them and to controller, worker and client
       ./run fuzz --link client|workers --seed N --round K
         repeats one round of ${FRAMES_PER_ROUND} frames`;

/** A round that takes more processor time than this hangs; it takes well below one second. */
const ROUND_CPU_S_MAX = 60;
/** What the heap may hold in the end beyond what it held once everything was warm. */
const GROWTH_MIB_MAX = 16;
/** What the process may take at any time: nothing is allocated on the strength of a claimed length. */
const PEAK_MIB_MAX = 1024;
const HEAP_SAMPLES = 20;
/** Of the samples, those before everything is compiled and warm. */
const COLD_SAMPLES = 4;

interface Options {
  readonly links: readonly FuzzLink[];
  readonly rounds: number;
  readonly seed: number;
  readonly round: number | null;
  readonly isChild: boolean;
}

const readOptions = (): Options | null => {
  try {
    const { values } = parseArgs({
      options: {
        frames: { type: "string", default: "10000000" },
        link: { type: "string" },
        seed: { type: "string", default: "1" },
        round: { type: "string" },
        child: { type: "boolean", default: false },
      },
    });
    const [frames, seed, round] = [values.frames, values.seed, values.round ?? "0"].map(Number);
    const links = FUZZ_LINKS.filter((link) => link === (values.link ?? link));
    const areWhole = [frames, seed, round].every((value) => Number.isSafeInteger(value));
    if (!areWhole || !(Number(frames) > 0) || Number(seed) < 0 || Number(round) < 0) return null;
    if (links.length === 0 || (values.round !== undefined && values.link === undefined))
      return null;
    return {
      links,
      rounds: Math.ceil(Number(frames) / FRAMES_PER_ROUND),
      seed: Number(seed),
      round: values.round === undefined ? null : Number(round),
      isChild: values.child,
    };
  } catch {
    return null;
  }
};

const heapMiB = (): number => {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return (heapSize + extraMemorySize) / 2 ** 20;
};

/** One line of the process that does the work, after each round. */
interface Progress {
  readonly round: number;
  readonly tally: LinkFuzzer["tally"];
  /** After a collection; null where none was made. */
  readonly heapMiB: number | null;
  readonly peakMiB: number;
  /** What is wrong; the last line then. */
  readonly failure: string | null;
}

const work = (link: FuzzLink, { seed, rounds }: Options): void => {
  const fuzzer = new LinkFuzzer(link, seed);
  const sampleEvery = Math.max(1, Math.floor(rounds / HEAP_SAMPLES));
  for (let round = 0; round < rounds; round++) {
    let failure: string | null = null;
    try {
      fuzzer.run(round);
    } catch (error) {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const isSampled = round % sampleEvery === sampleEvery - 1;
    const { tally } = fuzzer;
    const line: Progress = {
      round,
      tally,
      heapMiB: isSampled ? heapMiB() : null,
      peakMiB: peakMiB(),
      failure,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (failure !== null) return;
  }
};

/** What is wrong with the memory of a run, or null. */
const memoryProblem = (heaps: readonly number[], peak: number): string | null => {
  if (peak > PEAK_MIB_MAX) return `${peak.toFixed(0)} MiB were taken (limit ${PEAK_MIB_MAX})`;
  const warm = heaps[COLD_SAMPLES];
  const last = heaps.at(-1);
  if (warm === undefined || last === undefined || last - warm <= GROWTH_MIB_MAX) return null;
  return `the heap grew from ${warm.toFixed(1)} to ${last.toFixed(1)} MiB`;
};

const describe = (last: Progress, heaps: readonly number[], cpuS: number): string => {
  const { frames, bytes, read, refused } = last.tally;
  const million = (value: number): string => `${(value / 1e6).toFixed(2)} M`;
  return (
    `${million(frames)} damaged frames (${(bytes / 1e9).toFixed(2)} GB), ${million(read)} messages read all the same, ` +
    `${million(refused)} streams refused; ${((cpuS / frames) * 1e6).toFixed(0)} µs each; ` +
    `heap ${heaps.at(-1)?.toFixed(1)} MiB, at most ${last.peakMiB.toFixed(0)} MiB taken`
  );
};

/** In a process of its own, so that one that hangs or dies is noticed; true when all is well. */
const supervise = async (link: FuzzLink, { seed, rounds }: Options): Promise<boolean> => {
  const args = ["--child", "--link", link, "--seed", String(seed)];
  const frames = ["--frames", String(rounds * FRAMES_PER_ROUND)];
  const child = Bun.spawn([process.execPath, import.meta.path, ...args, ...frames], {
    cwd: ROOT,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let last: Progress | null = null;
  let cpuS = 0;
  const heaps: number[] = [];
  const look = setInterval(() => {
    if (cpuSecondsOf(child.pid) - cpuS > ROUND_CPU_S_MAX) child.kill("SIGKILL");
  }, 1000);
  for await (const line of linesOf(child.stdout)) {
    last = JSON.parse(line) as Progress;
    if (last.heapMiB !== null) {
      heaps.push(last.heapMiB);
      console.log(`${link}: ${describe(last, heaps, cpuSecondsOf(child.pid))}`);
    }
    cpuS = child.exitCode === null ? cpuSecondsOf(child.pid) : cpuS;
  }
  clearInterval(look);
  const code = await child.exited;
  const round = last?.failure == null ? (last?.round ?? -1) + 1 : last.round;
  const isCut = round < rounds;
  const problem = isCut
    ? (last?.failure ?? `the process hung or died (${code})`)
    : memoryProblem(heaps, last?.peakMiB ?? 0);
  if (problem === null) return true;
  const again = isCut ? ` --round ${round}` : ` --frames ${rounds * FRAMES_PER_ROUND}`;
  console.error(`FAILED: ${problem}\nrepeat it: ./run fuzz --link ${link} --seed ${seed}${again}`);
  return false;
};

const main = async (): Promise<number> => {
  const options = readOptions();
  if (options === null) {
    console.error(USAGE);
    return 2;
  }
  const [link] = options.links as [FuzzLink];
  if (options.isChild) {
    // Whoever looks after this process is gone when its standard input ends.
    process.stdin.on("end", () => process.exit(1)).resume();
    work(link, options);
    return 0;
  }
  if (options.round !== null) {
    new LinkFuzzer(link, options.seed).run(options.round);
    console.log(`${link}: round ${options.round} of seed ${options.seed} is well`);
    return 0;
  }
  followLauncher(process.env, "fuzz");
  let isWell = true;
  for (const each of options.links) isWell = (await supervise(each, options)) && isWell;
  return isWell ? 0 : 1;
};

process.exit(await main());
