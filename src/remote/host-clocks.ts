/** The host's wall clock and its monotonic clock, read as one, to see the wall clock being set. */
import { dlopen, FFIType } from "bun:ffi";
import { platform } from "node:process";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = platform === "darwin" ? 6 : 1;
const LIBC_NAMES = [
  "libc.so.6",
  "libSystem.dylib",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
/** A reading that was interrupted would look like a step; the best of a few is not. */
const ATTEMPTS = 5;
const BRACKET_NS_ENOUGH = 20_000n;
const NS_PER_SECOND = 1_000_000_000n;
const PAGE_BYTES = 4096;

/** Both in ns: since the Unix epoch, and since an instant that does not move. */
export interface ClockReading {
  readonly realtimeNs: bigint;
  readonly monotonicNs: bigint;
}

export interface HostClocks {
  /** The two belong together to 10 us, unless the machine is too busy for that five times in a row. */
  read(): ClockReading;
  readonly pageBytes: number;
}

const openLibc = (name: string) =>
  dlopen(name, {
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    getpagesize: { args: [], returns: FFIType.i32 },
  });

const findLibc = (): ReturnType<typeof openLibc> | null => {
  for (const name of LIBC_NAMES) {
    try {
      return openLibc(name);
    } catch {
      // Another C library; the next name is tried, and without any the runtime's clocks serve.
    }
  }
  return null;
};

export const openHostClocks = (): HostClocks => {
  const libc = findLibc();
  if (libc === null) {
    const read = (): ClockReading => ({
      realtimeNs: BigInt(Date.now()) * 1_000_000n,
      monotonicNs: BigInt(Bun.nanoseconds()),
    });
    return { read, pageBytes: PAGE_BYTES };
  }
  const { clock_gettime: getTime, getpagesize } = libc.symbols;
  const timespec = new BigInt64Array(2);
  const readOne = (clock: number): bigint => {
    getTime(clock, timespec);
    return (timespec[0] ?? 0n) * NS_PER_SECOND + (timespec[1] ?? 0n);
  };
  const read = (): ClockReading => {
    let best: ClockReading = { realtimeNs: 0n, monotonicNs: 0n };
    let bracketNsMin: bigint | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = readOne(CLOCK_MONOTONIC);
      const realtimeNs = readOne(CLOCK_REALTIME);
      const bracketNs = readOne(CLOCK_MONOTONIC) - before;
      if (bracketNsMin !== null && bracketNs >= bracketNsMin) continue;
      bracketNsMin = bracketNs;
      best = { realtimeNs, monotonicNs: before + bracketNs / 2n };
      if (bracketNs <= BRACKET_NS_ENOUGH) break;
    }
    return best;
  };
  return { read, pageBytes: getpagesize() };
};
