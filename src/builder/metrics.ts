// Metrics of a build: the result and duration of each target, their sums, the service that collects them from all threads,
// and the time that the cache saved.
import { threadId } from 'node:worker_threads';
import type { Cache } from '../cache/cache.ts';
import type { UserConfig } from '../config/user-config.ts';
import { InvalidArgumentError } from '../errors.ts';
import { openConfiguredCache } from '../registry.ts';

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

/** The namespace of metrics; its cache is in memory and ends with the process. A user's own tag may be `metrics`. */
export const METRICS_TAG = 'glovebox-metrics';

const PREFIX = 'target/';

export interface MetricsServiceOptions {
  /** The cache of metrics. Default: the shared cache of the tag {@link METRICS_TAG}, in memory. */
  cache?: Cache;
  /** Configuration of the default cache. Default: from the environment. */
  userConfig?: UserConfig;
}

/** Counts the records of this thread across all services, so that each has a key of its own. */
let recorded = 0;

/** Records measurements of any thread, and adds them up for any thread. */
export class MetricsService {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /**
   * Records a finished target. Once it resolves, every later snapshot in any thread of this process includes the
   * complete record. Resolves to whether it was stored: false if the cache is disabled.
   */
  async record(metrics: TargetMetrics): Promise<boolean> {
    assertTime('duration', metrics.duration);
    assertTime('compileDuration', metrics.compileDuration ?? 0);
    // One entry per record: updating a shared count would need a lock, and several counts could be seen half
    // updated.
    return this.#cache.set(`${PREFIX}${threadId}/${recorded++}`, metrics);
  }

  /** All records, added up. */
  async snapshot(): Promise<MetricsSnapshot> {
    const records: TargetMetrics[] = [];
    for await (const [, metrics] of this.#cache.entries<TargetMetrics>({ prefix: PREFIX }))
      records.push(metrics);
    return summarize(records);
  }

  /** Deletes all records, for example before the next build of the same process. */
  async reset(): Promise<void> {
    await this.#cache.clear();
  }
}

/** Creates the metrics service on the shared cache, or on a given one. */
export function createMetricsService({ cache, userConfig }: MetricsServiceOptions = {}): MetricsService {
  if (cache !== undefined) return new MetricsService(cache);
  const options = { tag: METRICS_TAG, backend: 'memory' } as const;
  return new MetricsService(openConfiguredCache(userConfig, options));
}

function assertTime(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new InvalidArgumentError(
    `${name} is ${value}, but must be milliseconds: a number that is not negative.`,
  );
}

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
