// Statistics over the rounds of a cell.

/** A ratio with its spread over the rounds. */
export interface Ratio {
  median: number;
  min: number;
  max: number;
}

/** The median; the mean of the two middle values for an even count, NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Ratio of `ours` to `theirs`, round by round. The two values of a round were measured next to each other, so a
 * slowdown of the machine affected both.
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length) {
    throw new RangeError(`Rounds cannot be paired: ${ours.length} against ${theirs.length}.`);
  }
  return spreadOf(ours.map((value, round) => value / theirs[round]!));
}

/** Median, minimum and maximum. */
export function spreadOf(values: readonly number[]): Ratio {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
