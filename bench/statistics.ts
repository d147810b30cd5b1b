// What the rounds of a cell come to.

/** A ratio with its spread over the rounds. */
export interface Ratio {
  median: number;
  min: number;
  max: number;
}

/** The value in the middle; the mean of the two in the middle when their number is even. NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * How many times `ours` is as much as `theirs`, round by round: the two of one round ran next to each other, so what
 * slowed the machine down slowed both.
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length) {
    throw new RangeError(`Rounds cannot be paired: ${ours.length} against ${theirs.length}.`);
  }
  return spreadOf(ours.map((value, round) => value / theirs[round]!));
}

/** The median of several values, with the least and the greatest. */
export function spreadOf(values: readonly number[]): Ratio {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
