// The command `glovebox cache delete`: removes single entries.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { plural } from '../../terminal/text.ts';
import { findKeys } from './find-keys.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';

export function deleteCommand(context: Context): Command {
  return addCacheOptions(createCommand('delete', context))
    .description('Removes entries. If one of the keys does not exist, nothing is removed.')
    .argument('<key...>', 'the keys, whole')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache delete KEY', 'delete one entry from every cache that has it'],
        ['glovebox cache delete KEY KEY --tag layout', 'delete two entries of one cache'],
      ),
    )
    .action((keys: string[], flags: CacheCommandFlags) =>
      withCaches(context, flags, async open => {
        await findKeys(open, keys);
        let deleted = 0;
        for (const cache of open.caches) {
          deleted += await cache.deleteMany(keys);
        }
        if (flags.json) {
          context.printJson({ deleted });
        } else {
          context.print(`Removed ${plural(deleted, 'entry', 'entries')}`);
        }
      }),
    );
}
