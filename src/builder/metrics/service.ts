// What the running build did, from all its threads in one place.
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
  /** Where metrics are kept. Default: the shared cache of the tag {@link METRICS_TAG}, in memory. */
  cache?: Cache;
  /** What the default cache is configured by. Default: what the environment says. */
  userConfig?: UserConfig;
}

/** One more for each record of this thread, whichever service makes it, so that no two records have the same key. */
let recorded = 0;

/** Takes what any thread measures, and adds it up for any thread that asks. */
export class MetricsService {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /**
   * Records that a target is done. When it resolves, every later snapshot in any thread of this process has it,
   * whole. Resolves to whether it is recorded: false when the cache is disabled.
   */
  async record(metrics: TargetMetrics): Promise<boolean> {
    assertTime('duration', metrics.duration);
    assertTime('compileDuration', metrics.compileDuration ?? 0);
    // An entry of its own for each: a count that is read, added to and written would need a lock, and several
    // counts could be seen half updated.
    return this.#cache.set(`${PREFIX}${threadId}/${recorded++}`, metrics);
  }

  /** Everything that was recorded, added up. */
  async snapshot(): Promise<MetricsSnapshot> {
    const records: TargetMetrics[] = [];
    for await (const [, metrics] of this.#cache.entries<TargetMetrics>({ prefix: PREFIX }))
      records.push(metrics);
    return summarize(records);
  }

  /** Forgets everything, such as before the next build of the same process. */
  async reset(): Promise<void> {
    await this.#cache.clear();
  }
}

/** The metrics service over the shared cache, or over one that is given. */
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
