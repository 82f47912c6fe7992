/** Makes this process the one to which orphaned descendants fall, as init otherwise would be, and reaps them. */
import { dlopen, FFIType } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";
import { pid as ownPid, platform } from "node:process";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"] as const;

const openLibc = (name: string) =>
  dlopen(name, {
    prctl: {
      args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64],
      returns: FFIType.i32,
    },
    waitpid: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  });

type Libc = ReturnType<typeof openLibc>;

const findLibc = (): Libc | null => {
  if (platform !== "linux") return null;
  for (const name of LIBC_NAMES) {
    try {
      return openLibc(name);
    } catch {
      // Another C library; the next name is tried, and without any only marked processes are found.
    }
  }
  return null;
};

/** Descendants that were forked twice stay our descendants; `reap` removes those that ended. */
export interface Subreaper {
  readonly active: boolean;
  /** Waits for ended children that are not in `known`: the runtime waits for those itself. */
  reap(known: ReadonlySet<number>): void;
}

const endedChildren = (): readonly number[] => {
  const children: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" && Number(parent) === ownPid) children.push(Number(name));
    } catch {
      // It was reaped since the listing.
    }
  }
  return children;
};

/** Takes effect for processes that are orphaned from now on. */
export const becomeSubreaper = (): Subreaper => {
  const libc = findLibc();
  const active = libc !== null && libc.symbols.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0;
  return {
    active,
    reap: (known) => {
      if (libc === null || !active) return;
      for (const pid of endedChildren())
        if (!known.has(pid)) libc.symbols.waitpid(pid, null, WNOHANG);
    },
  };
};
