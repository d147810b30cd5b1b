// The command `glovebox cache keys`: lists the keys of a cache.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';

interface KeysFlags extends CacheCommandFlags {
  prefix?: string;
}

export function keysCommand(context: Context): Command {
  return addCacheOptions(createCommand('keys', context))
    .description(
      'Prints the keys of all entries, one per line. With several caches, each key follows its tag and a tab.',
    )
    .option('-p, --prefix <text>', 'only keys that begin with this')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache keys', 'list all keys, each after its tag'],
        ['glovebox cache keys --tag layout --prefix ab', 'list some keys of one cache'],
        ['glovebox cache keys --json | jq length', 'count the keys'],
      ),
    )
    .action((flags: KeysFlags) =>
      withCaches(context, flags, async ({ caches }) => {
        // Streamed, because the keys may not fit in memory.
        let separator = '[\n';
        for (const cache of caches) {
          for await (const key of cache.keys({ prefix: flags.prefix })) {
            if (flags.json) {
              context.stdout.write(`${separator}  ${JSON.stringify({ tag: cache.tag, key })}`);
              separator = ',\n';
            } else {
              const shown = context.stdout.isTTY ? sanitizeLine(key) : key;
              context.print(flags.tag === undefined ? `${cache.tag}\t${shown}` : shown);
            }
          }
        }
        if (flags.json) {
          context.print(separator === '[\n' ? '[]' : '\n]');
        }
      }),
    );
}
