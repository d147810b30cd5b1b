// The command `glovebox cache stats`: shows how full each cache is.
import type { Command } from 'commander';
import type { CacheStats } from '../../../cache/cache.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { tableLines } from '../../terminal/table.ts';
import { addCacheOptions, type CacheCommandFlags, formatBytes, withCaches } from './options.ts';

export function statsCommand(context: Context): Command {
  return addCacheOptions(createCommand('stats', context))
    .description('Shows the size of each cache and its limit.')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache stats', 'show all caches and their total'],
        ['glovebox cache stats --tag firmware', 'show one cache'],
        ['glovebox cache stats --json | jq .total.size', 'print the total size in bytes'],
      ),
    )
    .action((flags: CacheCommandFlags) =>
      withCaches(context, flags, async ({ root, caches }) => {
        const stats = (await Promise.all(caches.map(cache => cache.stats()))).map(stored);
        const total = {
          count: sum(stats.map(({ count }) => count)),
          size: sum(stats.map(({ size }) => size)),
          blobs: sum(stats.map(({ blobs }) => blobs)),
        };
        if (flags.json) {
          context.printJson({ root, caches: stats, total });
          return;
        }
        for (const cache of stats) {
          context.print(context.style.bold(cache.tag));
          context.print(tableLines(rows(cache)).join('\n'));
        }
        if (stats.length > 1) {
          const entries = `${total.count} entries, ${formatBytes(total.size)}, ${total.blobs} blobs`;
          context.print(`${context.style.bold('total')}\n  ${entries}`);
        }
      }),
    );
}

/** Statistics of the store itself. Hits and misses are counted per process, and this one has none. */
function stored({ tag, directory, count, size, maxSize, blobs, degraded }: CacheStats) {
  return { tag, directory, count, size, maxSize, blobs, degraded };
}

function rows(cache: ReturnType<typeof stored>): string[][] {
  const share = cache.maxSize > 0 ? ((cache.size / cache.maxSize) * 100).toFixed(1) : '0.0';
  const lines = [
    ['  entries', String(cache.count)],
    ['  size', `${formatBytes(cache.size)} of ${formatBytes(cache.maxSize)} (${share} %)`],
    ['  blobs', String(cache.blobs)],
    ['  directory', cache.directory ?? ''],
  ];
  return cache.degraded === undefined ? lines : [...lines, ['  cannot be used', cache.degraded]];
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
