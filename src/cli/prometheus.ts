// Metrics as Prometheus reads them, such as node_exporter's textfile collector.
import type { CacheStats } from '../cache/cache.ts';

type Stored = Pick<CacheStats, 'tag' | 'count' | 'size' | 'maxSize' | 'blobs' | 'degraded'>;

const METRICS: [name: string, help: string, value: (cache: Stored) => number][] = [
  [
    'glovebox_cache_entries',
    'Entries in the cache, expired ones that were not collected yet included.',
    c => c.count,
  ],
  ['glovebox_cache_size_bytes', 'Bytes that the cache takes on disk.', c => c.size],
  ['glovebox_cache_max_size_bytes', 'The size limit of the cache.', c => c.maxSize],
  ['glovebox_cache_blobs', 'Files that hold large values and firmware.', c => c.blobs],
  ['glovebox_cache_usable', 'Whether the cache can be used: 1, or 0 when everything misses.', usable],
];

/** All caches in the text format, version 0.0.4. Ends with a line end, as the format wants it. */
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
