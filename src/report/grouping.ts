/** Many alike become one line. */

/** Up to this many alike each have a line of their own. */
export const FEW = 3;

/** In the order of first appearance. */
export const groupsOf = <T>(
  items: readonly T[],
  key: (item: T) => string,
): readonly (readonly T[])[] => [...Map.groupBy(items, key).values()];
