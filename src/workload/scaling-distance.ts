/** How far a scaled replay is from its trace: Kolmogorov-Smirnov distances of gaps and of instants. */
import type { ScalingDistance } from "#experiment/resolved.ts";
import type { GapDistribution } from "#workload/gap-distribution.ts";

/** What is compared: gaps, and requests in parts of the replayed time, as many parts on either side. */
export interface Gathered {
  readonly gaps: GapDistribution;
  readonly counts: Float64Array;
}

const gapDistance = (a: GapDistribution, b: GapDistribution): number => {
  let distance = 0;
  // From a thousandth of the mean to a thousand times it, eight points to the power of two.
  for (let power = -80; power <= 80; power++) {
    const x = 2 ** (power / 8);
    distance = Math.max(
      distance,
      Math.abs(a.shareBelow(x * a.meanNs) - b.shareBelow(x * b.meanNs)),
    );
  }
  return distance;
};

const rateDistance = (a: Float64Array, b: Float64Array): number => {
  const total = (counts: Float64Array): number => counts.reduce((sum, each) => sum + each, 0);
  const [allA, allB] = [Math.max(1, total(a)), Math.max(1, total(b))];
  let [seenA, seenB, distance] = [0, 0, 0];
  for (const [part, count] of a.entries()) {
    seenA += count;
    seenB += b[part] ?? 0;
    distance = Math.max(distance, Math.abs(seenA / allA - seenB / allB));
  }
  return distance;
};

export const distanceBetween = (a: Gathered, b: Gathered): ScalingDistance => ({
  gaps: gapDistance(a.gaps, b.gaps),
  rateCurve: rateDistance(a.counts, b.counts),
});
