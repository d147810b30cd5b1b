// Metrics service: collects the results of the running build from all threads.
import { threadId } from 'node:worker_threads';
import type { Cache } from '../../cache/cache.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { openConfiguredCache } from '../../registry.ts';
import { type MetricsSnapshot, summarize, type TargetMetrics } from './metrics.ts';

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
