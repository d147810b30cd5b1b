// The command `glovebox cache clear`: removes all entries after confirmation.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { plural } from '../../terminal/text.ts';
import { confirm } from '../confirm.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';

interface ClearFlags extends CacheCommandFlags {
  yes?: boolean;
}

export function clearCommand(context: Context): Command {
  return addCacheOptions(createCommand('clear', context))
    .description('Removes every entry of one cache, or of all caches, after confirmation.')
    .option('-y, --yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache clear --tag firmware', 'clear one cache'],
        ['glovebox cache clear --yes', 'clear all caches without confirmation'],
      ),
    )
    .action((flags: ClearFlags) =>
      withCaches(context, flags, async ({ root, caches }) => {
        if (!flags.yes) {
          const stats = await Promise.all(caches.map(cache => cache.stats()));
          const what = stats.map(({ tag, count, size }) => {
            return `${tag} (${plural(count, 'entry', 'entries')}, ${formatBytes(size)})`;
          });
          const question = `Remove everything from ${what.join(', ')} in ${root}?`;
          if (!(await confirm(context, question, 'Use --yes to clear without confirmation.'))) {
            context.print('Nothing was removed');
            context.exitStatus = EXIT_FAILED;
            return;
          }
        }
        let removed = 0;
        for (const cache of caches) {
          removed += await cache.clear();
        }
        if (flags.json) {
          context.printJson({ removed });
        } else {
          context.print(`Removed ${plural(removed, 'entry', 'entries')}`);
        }
      }),
    );
}
