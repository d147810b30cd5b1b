// The options that the commands about caches have in common.
import type { Command } from 'commander';
import prettyBytes from 'pretty-bytes';
import type { Context } from '../../context.ts';
import { type CacheFlags, type OpenCaches, openCaches } from '../../open-caches.ts';

export interface CacheCommandFlags extends CacheFlags {
  json?: boolean;
  /** Of a format for programs besides JSON, which says nothing in words either. Default: false. */
  isForPrograms?: boolean;
}

export function addCacheOptions(command: Command): Command {
  return addRootOptions(command.option('-t, --tag <tag>', 'only the cache of this tag (default: all)'));
}

export function addRootOptions(command: Command): Command {
  return command
    .option('--cache-dir <dir>', 'where the caches are (default: GLOVEBOX_CACHE_DIR, then the config file)')
    .option('--json', 'print JSON');
}

/** Opens the caches the flags mean, for as long as `use` runs. Says so when there are none. */
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

/** Bytes for a person, in powers of 1024. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}
