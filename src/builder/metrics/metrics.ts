// What is measured of a build: how each target came out and how long it took, and the sums.

/** How a target came out: `waited` is compiled by another thread or process meanwhile. */
export type TargetResult = 'compiled' | 'cache' | 'waited' | 'failed' | 'cancelled';

/** What is recorded once a target is done. */
export interface TargetMetrics {
  /** The target's artifact name. */
  target: string;
  result: TargetResult;
  /** Milliseconds that the target took in this build. */
  duration: number;
  /** Milliseconds that compiling it took when it was compiled, here or earlier. Default: 0. */
  compileDuration?: number;
}

/** Counts and times; of one target (a watched one is built many times) or of all. Times are milliseconds. */
export interface Totals {
  /** How often a target was done: the sum of the five counts below. */
  builds: number;
  compiled: number;
  cache: number;
  waited: number;
  failed: number;
  cancelled: number;
  /** What the targets took, added up; less has passed when they were built at once. */
  duration: number;
  /** The longest that a target took. */
  longest: number;
  /** What compiling took, of those compiled here. */
  compiling: number;
  /** What compiling would have taken, of those that were not compiled here. */
  saved: number;
}

/** Everything recorded since the process began, or since the last reset. */
export interface MetricsSnapshot {
  totals: Totals;
  /** By artifact name, in the order of names. */
  targets: Record<string, Totals>;
}

/** Adds up what was recorded. */
export function summarize(records: Iterable<TargetMetrics>): MetricsSnapshot {
  const totals = nothing();
  const targets = new Map<string, Totals>();
  for (const record of records) {
    const own = targets.get(record.target) ?? nothing();
    targets.set(record.target, own);
    count(totals, record);
    count(own, record);
  }
  const byName = [...targets].sort(([a], [b]) => (a < b ? -1 : 1));
  return { totals, targets: Object.fromEntries(byName) };
}

function nothing(): Totals {
  return {
    builds: 0,
    compiled: 0,
    cache: 0,
    waited: 0,
    failed: 0,
    cancelled: 0,
    duration: 0,
    longest: 0,
    compiling: 0,
    saved: 0,
  };
}

function count(totals: Totals, { result, duration, compileDuration = 0 }: TargetMetrics): void {
  totals.builds++;
  totals[result]++;
  totals.duration += duration;
  totals.longest = Math.max(totals.longest, duration);
  if (result === 'compiled') totals.compiling += compileDuration;
  if (result === 'cache' || result === 'waited') totals.saved += compileDuration;
}
