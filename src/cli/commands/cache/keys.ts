// `glovebox cache keys`: what a cache holds, by name.
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
    .description('Prints the keys of the entries, a line each; of several caches after their tag and a tab.')
    .option('-p, --prefix <text>', 'only keys that begin with this')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache keys', 'all keys, each after its tag'],
        ['glovebox cache keys --tag layout --prefix ab', 'some keys of one cache'],
        ['glovebox cache keys --json | jq length', 'how many there are'],
      ),
    )
    .action((flags: KeysFlags) =>
      withCaches(context, flags, async ({ caches }) => {
        // As they come: there may be more keys than fit in memory.
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
