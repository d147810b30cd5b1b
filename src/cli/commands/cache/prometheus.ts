// Prometheus metrics, for example for node_exporter's textfile collector.
import type { CacheStats } from '../../../cache/cache.ts';

type Stored = Pick<CacheStats, 'tag' | 'count' | 'size' | 'maxSize' | 'blobs' | 'degraded'>;

const METRICS: [name: string, help: string, value: (cache: Stored) => number][] = [
  [
    'glovebox_cache_entries',
    'Entries in the cache, including expired ones that were not removed yet.',
    c => c.count,
  ],
  ['glovebox_cache_size_bytes', 'Size of the cache on disk in bytes.', c => c.size],
  ['glovebox_cache_max_size_bytes', 'Size limit of the cache in bytes.', c => c.maxSize],
  ['glovebox_cache_blobs', 'Files with large values and firmware.', c => c.blobs],
  ['glovebox_cache_usable', '1 if the cache can be used, 0 if every read misses.', usable],
];

/** All caches in the text format, version 0.0.4, with a final line end as the format requires. */
export function prometheusText(caches: readonly Stored[]): string {
  const lines = METRICS.flatMap(([name, help, measure]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...caches.map(cache => `${name}{tag="${cache.tag}"} ${measure(cache)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function usable({ degraded }: Stored): number {
  return degraded === undefined ? 1 : 0;
}
