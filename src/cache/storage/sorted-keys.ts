// Sorts keys by their bytes in UTF-8 without holding up the event loop.
import { chunksOf, TimeSlice } from '../../system/time-slice.ts';

// Number of keys sorted at once, and merged before the event loop turns.
const RUN = 2048;
const MERGE_STEP = 20_000;

/** As SQLite orders text: by bytes of UTF-8, which differs from JavaScript's order beyond the basic plane. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rankOf(left) - rankOf(right);
  }
  return a.length - b.length;
}

// Surrogates stand for characters that come after all others.
function rankOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** All of `keys` as they are now, sorted. */
export async function sortKeys(keys: Iterable<string>): Promise<string[]> {
  const slice = new TimeSlice();
  let runs: string[][] = [];
  for (const run of chunksOf([...keys], RUN)) {
    runs.push(run.sort(compareKeys));
    await slice.yieldIfOver();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [first, second] = [runs[index]!, runs[index + 1]];
      merged.push(second ? await merge(first, second, slice) : first);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(
  first: readonly string[],
  second: readonly string[],
  slice: TimeSlice,
): Promise<string[]> {
  const merged: string[] = [];
  let [left, right] = [0, 0];
  while (left < first.length || right < second.length) {
    const isFirst =
      right === second.length || (left < first.length && compareKeys(first[left]!, second[right]!) <= 0);
    merged.push(isFirst ? first[left++]! : second[right++]!);
    if (merged.length % MERGE_STEP === 0) await slice.yieldIfOver();
  }
  return merged;
}

/** Index of the first key that is `key` or comes after it, in sorted keys. */
export function indexFrom(sorted: readonly string[], key: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(sorted[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
