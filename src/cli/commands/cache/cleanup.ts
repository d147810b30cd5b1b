// The command `glovebox cache cleanup`: removes expired and excess entries.
import type { Command } from 'commander';
import { listKept, removeKept } from '../../../builder/toolchains/zephyr/stable-build-directory.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { plural } from '../../terminal/text.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';
import { findQuarantined, QUARANTINE_MAX_AGE_MS, removeQuarantined } from './quarantine.ts';

interface CleanupFlags extends CacheCommandFlags {
  setAside?: boolean;
}

export function cleanupCommand(context: Context): Command {
  return addCacheOptions(createCommand('cleanup', context))
    .description(
      'Removes expired entries, entries over the size limit, files of dead processes, build directories kept for incremental builds, and damaged databases that were quarantined at least 30 days ago.',
    )
    .option('--set-aside', 'also remove damaged databases that were quarantined recently')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache cleanup', 'clean up all caches'],
        ['glovebox cache cleanup --tag firmware', 'clean up one cache'],
        ['glovebox cache cleanup --set-aside', 'also remove all damaged databases'],
      ),
    )
    .action((flags: CleanupFlags) =>
      withCaches(context, flags, async ({ root, caches }) => {
        let removed = 0;
        let freed = 0;
        for (const cache of caches) {
          const before = await cache.stats();
          removed += await cache.cleanup();
          freed += Math.max(0, before.size - (await cache.stats()).size);
        }
        const old = Date.now() - QUARANTINE_MAX_AGE_MS;
        const gone = (await findQuarantined(root, flags.tag)).filter(
          ({ date }) => flags.setAside || date <= old,
        );
        for (const quarantined of gone) {
          await removeQuarantined(root, quarantined);
          freed += quarantined.size;
        }
        const kept = flags.tag === undefined ? listKept(root) : [];
        const bytes = kept.length === 0 ? 0 : await removeKept(root, kept);
        const builds = kept.length === 0 ? 0 : kept.length - listKept(root).length;
        freed += bytes;
        if (flags.json) {
          context.printJson({ removed, freed, setAside: gone.length, builds });
        } else {
          const besides = [
            ...(gone.length > 0 ? [plural(gone.length, 'damaged database')] : []),
            ...(bytes > 0 ? [plural(builds, 'build directory', 'build directories')] : []),
          ];
          const databases = besides.map(what => ` and ${what}`).join('');
          context.print(
            `Removed ${plural(removed, 'entry', 'entries')}${databases}, freed ${formatBytes(freed)}`,
          );
        }
      }),
    );
}
