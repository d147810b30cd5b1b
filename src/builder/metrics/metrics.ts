// Metrics of a build: the result and duration of each target, and the sums.

/** Result of a target; `waited`: compiled by another thread or process during this build. */
export type TargetResult = 'compiled' | 'cache' | 'waited' | 'failed' | 'cancelled';

/** The record of a finished target. */
export interface TargetMetrics {
  /** The target's artifact name. */
  target: string;
  result: TargetResult;
  /** Milliseconds that the target took in this build. */
  duration: number;
  /** Milliseconds that its original compile took, here or earlier. Default: 0. */
  compileDuration?: number;
}

/** Counts and times, of one target (a watched one is built many times) or of all. Times are milliseconds. */
export interface Totals {
  /** Number of results: the sum of the five counts below. */
  builds: number;
  compiled: number;
  cache: number;
  waited: number;
  failed: number;
  cancelled: number;
  /** The targets' durations, added up. With parallel builds, less time has passed. */
  duration: number;
  /** The longest duration of a target. */
  longest: number;
  /** Compile time of the targets compiled here. */
  compiling: number;
  /** Compile time that the other targets saved. */
  saved: number;
}

/** All records since the process began, or since the last reset. */
export interface MetricsSnapshot {
  totals: Totals;
  /** By artifact name, sorted. */
  targets: Record<string, Totals>;
}

/** Adds up the records. */
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
