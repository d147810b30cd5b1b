// Extent of the tests. `npm test` runs every suite, and random ones far enough to notice a mistake within minutes;
// `npm run test:all`, which CI runs, takes the full number of runs. FUZZ_RUNS takes any other, and FUZZ_SEED other values.

import test from 'ava';

/** Whether the full extent is tested. */
export const isFull = process.env.TESTS === 'all';

/**
 * Declares a test of the full extent: one that takes many programs, or much data, for a promise that a smaller test keeps
 * an eye on.
 */
export const inFull: typeof test.serial = isFull
  ? test.serial
  : (test.serial.skip as unknown as typeof test.serial);

/** A part of `items`, evenly spread, by default; all of them in full. */
export function some<Item>(items: readonly Item[], usual: number): readonly Item[] {
  if (isFull) return items;
  const step = Math.max(1, items.length / usual);
  return Array.from(
    { length: Math.min(usual, items.length) },
    (_, index) => items[Math.floor(index * step)]!,
  );
}

/** The number of runs of a property: by default, and in full. */
export function runs(usual: number, full: number): number {
  return Number(process.env.FUZZ_RUNS ?? (isFull ? full : usual));
}

/** The seed of a property. */
export function seed(usual: number): number {
  return Number(process.env.FUZZ_SEED ?? usual);
}
