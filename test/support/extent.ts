// Extent of the tests. `npm test` runs every suite, and random ones far enough to notice a mistake within minutes;
// `npm run test:all`, which CI runs, takes the full number of runs. FUZZ_RUNS takes any other, and FUZZ_SEED other values.

/** Whether the full extent is tested. */
export const isFull = process.env.TESTS === 'all';

/** The number of runs of a property: by default, and in full. */
export function runs(usual: number, full: number): number {
  return Number(process.env.FUZZ_RUNS ?? (isFull ? full : usual));
}

/** The seed of a property. */
export function seed(usual: number): number {
  return Number(process.env.FUZZ_SEED ?? usual);
}
