// How much sooner a build was done because of the cache: in time that a person waits, not in time of all threads together.

/** One target of a build: what it took to compile it, whenever that was. */
export interface TargetTime {
  /** Milliseconds. */
  compileDuration: number;
  cached: boolean;
}

/**
 * Milliseconds by which a build was done sooner than the same one without a cache: what its targets take when they are
 * compiled in their order, `jobs` of them at once, less what the build took. 0 when nothing was in the cache.
 *
 * @param duration milliseconds that the build took
 */
export function timeSaved(targets: readonly TargetTime[], jobs: number, duration: number): number {
  if (!targets.some(({ cached }) => cached)) return 0;
  const threads = new Array<number>(Math.max(1, Math.min(jobs, targets.length))).fill(0);
  for (const { compileDuration } of targets) {
    const free = threads.indexOf(Math.min(...threads));
    threads[free]! += compileDuration;
  }
  return Math.max(0, Math.max(...threads) - duration);
}
