/** What is read out of the kernel's files, by texts as different systems have them. */
import { describe, expect, test } from "bun:test";
import { parseCpuLine, parsePressure, parseProcess } from "#remote/host-sampler.ts";
import { groupFolders, parseHierarchies, parseThrottled } from "#remote/throttling.ts";

test("the processors' line: idle and waiting for disks are not busy, stolen time stands beside it", () => {
  const text = "cpu  100 20 30 9000 500 4 6 50 70 8\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1 2\n";
  expect(parseCpuLine(text)).toEqual({ busyNs: 1_600_000_000, stealNs: 500_000_000 });
  expect(parseCpuLine("")).toBeNull();
});

test("pressure: the total of the first line", () => {
  const text =
    "some avg10=50.60 avg60=35.96 avg300=16.54 total=3479667316\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
  expect(parsePressure(text)).toBe(3_479_667_316_000);
  expect(parsePressure("")).toBeNull();
});

describe("a process", () => {
  const STAT =
    "42 (a) b (c) T 1 42 42 0 -1 4194304 102 0 3 0 120 30 0 0 20 0 1 0 99 3133440 383 18446744073709551615";

  test("its name may hold anything", () => {
    expect(parseProcess(STAT, "131065503 67460910 264\n", 4096)).toEqual({
      state: "T",
      cpuNs: 1_500_000_000,
      runNs: 131_065_503,
      runDelayNs: 67_460_910,
      rssBytes: 383 * 4096,
      majorFaults: 3,
    });
  });

  test("without scheduling statistics, and without anything", () => {
    expect(parseProcess(STAT, "", 4096)).toMatchObject({ runNs: null, runDelayNs: null });
    expect(parseProcess("", "", 4096)).toBeNull();
  });
});

describe("control groups", () => {
  const V1 =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
  const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

  test("version 1: the hierarchy that counts CPU time, up to its root", () => {
    const membership = "4:memory:/other\n2:cpu,cpuacct:/a/b:c\n1:cpuset:/\n0::/\n";
    expect(groupFolders(membership, parseHierarchies(V1))).toEqual([
      "/sys/fs/cgroup/cpu,cpuacct",
      "/sys/fs/cgroup/cpu,cpuacct/a",
      "/sys/fs/cgroup/cpu,cpuacct/a/b:c",
    ]);
  });

  test("version 2", () => {
    expect(groupFolders("0::/user.slice/x\n", parseHierarchies(V2))).toEqual([
      "/sys/fs/cgroup",
      "/sys/fs/cgroup/user.slice",
      "/sys/fs/cgroup/user.slice/x",
    ]);
  });

  test("in a container that sees its own group at the mount point, or groups elsewhere", () => {
    const mounts = parseHierarchies(V2.replace("0:26 / ", "0:26 /docker/7 "));
    expect(groupFolders("0::/docker/7/x\n", mounts)).toEqual([
      "/sys/fs/cgroup",
      "/sys/fs/cgroup/x",
    ]);
    expect(groupFolders("0::/docker/77\n", mounts)).toEqual([]);
    expect(groupFolders("0::/../other\n", parseHierarchies(V2))).toEqual([]);
  });

  test("none", () => {
    expect(parseHierarchies("")).toEqual([]);
    expect(groupFolders("", parseHierarchies(V2))).toEqual([]);
  });

  test("the counts of both versions, in ns; a group without a quota has none", () => {
    const v1 = "nr_periods 9\nnr_throttled 4\nthrottled_time 2500000\n";
    expect(parseThrottled(v1)).toEqual({ periods: 4, ns: 2_500_000 });
    const v2 = "usage_usec 1\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2500\nnr_bursts 0\n";
    expect(parseThrottled(v2)).toEqual({ periods: 4, ns: 2_500_000 });
    expect(parseThrottled("usage_usec 10803910836\nuser_usec 1\n")).toBeNull();
  });
});
