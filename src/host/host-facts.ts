/** What a results folder says about the machine and the code that produced it. */

import { readFileSync } from "node:fs";
import { cpus, hostname, platform, release, totalmem } from "node:os";
import { pid } from "node:process";
import type { HostFacts, Manifest } from "#telemetry/results.ts";

export const readHostFacts = (): HostFacts => {
  const processors = cpus();
  return {
    hostname: hostname(),
    platform: `${platform()}-${process.arch}`,
    kernel: release(),
    cpu_model: processors[0]?.model ?? "unknown",
    cpu_count: processors.length,
    memory_bytes: totalmem(),
    bun_version: Bun.version,
  };
};

const git = (root: string, args: readonly string[]): string | null => {
  try {
    const result = Bun.spawnSync(["git", "-C", root, ...args], {
      stdout: "pipe",
      stderr: "ignore",
    });
    return result.exitCode === 0 ? result.stdout.toString() : null;
  } catch {
    // No git on this machine: the revision stays unknown.
    return null;
  }
};

/** Version and revision of the code; `diff` is the text behind `git_diff_sha256`, "" when there is none. */
export interface CodeFacts {
  readonly escapement: Manifest["escapement"];
  readonly diff: string;
}

/** Asks git about the project at `root`; without git, or outside a clone, the revision is null. */
export const readCodeFacts = (root: string): CodeFacts => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
    version: string;
  };
  const topLevel = git(root, ["rev-parse", "--show-toplevel"])?.trim();
  // A project unpacked inside somebody else's repository has no revision of its own.
  const revision = topLevel === root ? (git(root, ["rev-parse", "HEAD"])?.trim() ?? null) : null;
  const status = revision === null ? "" : (git(root, ["status", "--porcelain"]) ?? "");
  const diff = revision === null ? "" : (git(root, ["diff", "HEAD", "--binary"]) ?? "");
  return {
    escapement: {
      version,
      git_revision: revision,
      git_dirty: status.trim() !== "",
      git_diff_sha256:
        diff === "" ? null : new Bun.CryptoHasher("sha256").update(diff).digest("hex"),
      folder: root,
    },
    diff,
  };
};

/** This process, as another one can recognise it: the kernel's start time tells it from a later one with its pid. */
export const ownProcess = (): { readonly pid: number; readonly startTicks: number } => ({
  pid,
  startTicks: startTicks(pid) ?? 0,
});

/** The kernel's start time of a process in ticks; null when there is none with this pid. */
export const startTicks = (ofPid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${ofPid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : Number(fields[19]);
  } catch {
    // No such process, or no /proc: nobody is taken for alive.
    return null;
  }
};
