// The command `glovebox cache stats`: shows how full each cache is.
import type { Command } from 'commander';
import {
  listKept,
  MAX_KEPT,
  MAX_KEPT_BYTES,
} from '../../../builder/toolchains/zephyr/stable-build-directory.ts';
import type { CacheStats } from '../../../cache/cache.ts';
import { createCommand, examples, parseChoice } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { tableLines } from '../../terminal/table.ts';
import { plural } from '../../terminal/text.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';
import { prometheusText } from './prometheus.ts';

const FORMATS = ['text', 'json', 'prometheus'] as const;

interface StatsFlags extends CacheCommandFlags {
  format?: (typeof FORMATS)[number];
}

export function statsCommand(context: Context): Command {
  return addCacheOptions(createCommand('stats', context))
    .description('Shows the size of each cache and its limit.')
    .option(
      '--format <format>',
      'output format: text, json (same as --json) or prometheus',
      parseChoice(FORMATS),
    )
    .addHelpText(
      'after',
      examples(
        ['glovebox cache stats', 'show all caches and their total'],
        ['glovebox cache stats --tag firmware', 'show one cache'],
        ['glovebox cache stats --json | jq .total.size', 'print the total size in bytes'],
        ['glovebox cache stats --format prometheus', "print metrics for node_exporter's textfile collector"],
      ),
    )
    .action((given: StatsFlags) => {
      const flags = withFormat(given);
      return withCaches(context, flags, async ({ root, caches }) => {
        const stats = (await Promise.all(caches.map(cache => cache.stats()))).map(stored);
        const total = {
          count: sum(stats.map(({ count }) => count)),
          size: sum(stats.map(({ size }) => size)),
          blobs: sum(stats.map(({ blobs }) => blobs)),
        };
        if (flags.format === 'prometheus') {
          context.stdout.write(prometheusText(stats));
          return;
        }
        const kept = flags.tag === undefined ? listKept(root) : [];
        const builds = { count: kept.length, size: sum(kept.map(({ bytes }) => bytes)) };
        if (flags.json) {
          context.printJson({ root, caches: stats, total, builds });
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
        if (builds.count > 0) {
          const directories = plural(builds.count, 'directory', 'directories');
          const limit = `at most ${MAX_KEPT}, ${formatBytes(MAX_KEPT_BYTES)}`;
          context.print(
            `${context.style.bold('last builds')}\n  ${directories}, ${formatBytes(builds.size)} (${limit})`,
          );
        }
      });
    });
}

/** Treats `--json` and `--format json` alike. For programs, an empty list of caches is printed in their format too. */
function withFormat(flags: StatsFlags): StatsFlags {
  const { format, json } = flags;
  if (json && format !== undefined && format !== 'json') {
    throw new UsageError(`--json and --format ${format} cannot be combined. Use one of them.`);
  }
  return { ...flags, json: json || format === 'json', isForPrograms: format === 'prometheus' };
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
