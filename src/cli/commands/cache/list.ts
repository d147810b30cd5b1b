// The command `glovebox cache list`: lists the caches, one per line.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { tableLines } from '../../terminal/table.ts';
import { addRootOptions, type CacheCommandFlags, withCaches } from './options.ts';

export function listCommand(context: Context): Command {
  return addRootOptions(createCommand('list', context))
    .description('Lists the caches on this machine with their number of entries and size.')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache list', 'list the caches'],
        ["glovebox cache list --json | jq '.caches[].tag'", 'print their tags'],
      ),
    )
    .action((flags: CacheCommandFlags) =>
      withCaches(context, flags, async ({ root, caches }) => {
        const stats = await Promise.all(caches.map(cache => cache.stats()));
        if (flags.json) {
          context.printJson({
            root,
            caches: stats.map(({ tag, directory, count, size, blobs }) => ({
              tag,
              directory,
              count,
              size,
              blobs,
            })),
          });
          return;
        }
        const rows = stats.map(({ tag, count, size, blobs }) => [
          tag,
          String(count),
          formatBytes(size),
          String(blobs),
        ]);
        context.print(root);
        const [header = '', ...lines] = tableLines([['TAG', 'ENTRIES', 'SIZE', 'BLOBS'], ...rows], [1, 2, 3]);
        context.print([context.style.dim(header), ...lines].join('\n'));
      }),
    );
}
