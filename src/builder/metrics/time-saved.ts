// Time saved by the cache: waiting time, not the sum over all threads.

/** Compile time of one target, in this build or an earlier one. */
export interface TargetTime {
  /** Milliseconds. */
  compileDuration: number;
  cached: boolean;
}

/**
 * Milliseconds by which the cache shortened a build: the estimated time to compile its targets in order, `jobs` in
 * parallel, minus the build's duration. 0 if nothing came from the cache.
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
