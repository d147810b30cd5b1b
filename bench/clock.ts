// Process-wide clock, with the same origin in every thread. `performance.now()` has a different origin in each.

// Offset from this thread's `performance.now()` to the shared clock. A thread may be preempted between the two
// readings, so the closest of several counts.
const OFFSET = Array.from({ length: 16 }, () => {
  const before = performance.now();
  const shared = Number(process.hrtime.bigint()) / 1e6;
  const after = performance.now();
  return { offset: shared - (before + after) / 2, width: after - before };
}).reduce((best, reading) => (reading.width < best.width ? reading : best)).offset;

/**
 * The shared time in milliseconds of `moment`, a reading of this thread's `performance.now()`. Only differences are
 * meaningful.
 */
export function sharedTime(moment: number): number {
  return moment + OFFSET;
}
