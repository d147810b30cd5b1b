// Closest match of a misspelled word, for "Did you mean …?".

/**
 * The candidate with the smallest edit distance to `word`, ignoring case. Undefined when none is close enough to be
 * a misspelling.
 */
export function closestMatch(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    // The distance is at least the difference in length. This skips the table for hostile lengths.
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { candidate, distance };
  }
  return best?.candidate;
}

/** ` Did you mean 'jobs'?`, to append to a sentence; empty when no candidate is close. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const nearest = closestMatch(word, candidates);
  return nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
}

/** Optimal string alignment distance. Keeps only the last three rows of the table. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(changed, last[j]! + 1, row[j - 1]! + 1);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && i > 1 && j > 1) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
