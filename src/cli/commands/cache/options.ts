// Shared options of the cache commands.
import type { Command } from 'commander';
import type { Context } from '../../context.ts';
import { type CacheFlags, type OpenCaches, openCaches } from '../../open-caches.ts';

export interface CacheCommandFlags extends CacheFlags {
  json?: boolean;
  /** Another format for programs than JSON, in which no notes are printed either. Default: false. */
  isForPrograms?: boolean;
}

export function addCacheOptions(command: Command): Command {
  return addRootOptions(command.option('-t, --tag <tag>', 'only the cache of this tag (default: all)'));
}

export function addRootOptions(command: Command): Command {
  return command
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('--json', 'print JSON');
}

/** Opens the selected caches while `use` runs. Prints a note when there are none. */
export async function withCaches(
  context: Context,
  flags: CacheCommandFlags,
  use: (open: OpenCaches) => Promise<void>,
): Promise<void> {
  const open = await openCaches(context, flags);
  try {
    if (open.caches.length === 0 && !flags.json && !flags.isForPrograms) {
      context.print(`No caches in ${open.root}`);
    } else {
      await use(open);
    }
  } finally {
    await open.close();
  }
}
