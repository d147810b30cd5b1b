// A clock that means the same in every thread of the process, which `performance.now()` does not.

// From this thread's `performance.now()` to the shared clock. A thread may lose its core between reading the one and
// the other, so the closest of several readings counts.
const OFFSET = Array.from({ length: 16 }, () => {
  const before = performance.now();
  const shared = Number(process.hrtime.bigint()) / 1e6;
  const after = performance.now();
  return { offset: shared - (before + after) / 2, width: after - before };
}).reduce((best, reading) => (reading.width < best.width ? reading : best)).offset;

/** Milliseconds; only differences mean anything. `moment`: what `performance.now()` gave in this thread. */
export function sharedTime(moment: number): number {
  return moment + OFFSET;
}
