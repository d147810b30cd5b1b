// The caches that exist on disk, opened for somebody who wants to look after them.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { isTag } from '../cache/keys.ts';
import { didYouMean } from '../config/closest-match.ts';
import { defaultCacheRoot } from '../config/environment.ts';
import { cacheOptionsFor } from '../config/user-config.ts';
import type { Context } from './context.ts';
import { UsageError } from './errors.ts';

export interface CacheFlags {
  /** Only the cache of this tag. Default: all that exist. */
  tag?: string;
  /** The directory that holds the caches. Default: what environment and config say. */
  cacheDir?: string;
}

export interface OpenCaches {
  /** The directory that holds one directory per tag. */
  root: string;
  /** In order of their tags. */
  caches: Cache[];
  /** Gives up all handles. */
  close(): Promise<void>;
}

/**
 * Opens the caches that exist, with the limits that are configured for them. A tag that has no cache is a
 * {@link UsageError}. Caches that the environment or the config disables are opened all the same: looking after
 * what is on disk is not using it.
 */
export async function openCaches(context: Context, flags: CacheFlags): Promise<OpenCaches> {
  const [{ loadUserConfig }, { createCacheFromUserConfig }] = await Promise.all([
    import('../config/load-user-config.ts'),
    import('../registry.ts'),
  ]);
  const userConfig = await loadUserConfig({ directory: context.cwd });
  const root = await resolveCacheRoot(context, flags);
  const existing = await existingTags(root);
  if (flags.tag !== undefined && !existing.includes(flags.tag)) {
    const known = existing.length === 0 ? 'There are none.' : `There are: ${existing.join(', ')}.`;
    throw new UsageError(
      `There is no cache '${flags.tag}' in ${root}.${didYouMean(flags.tag, existing)} ${known}`,
    );
  }
  const tags = flags.tag === undefined ? existing : [flags.tag];
  const caches = tags.map(tag =>
    createCacheFromUserConfig(userConfig, { tag, cacheRoot: root, enabled: true, backend: 'sqlite' }),
  );
  return {
    root,
    caches,
    async close() {
      await Promise.all(caches.map(cache => cache.close()));
    },
  };
}

/** The directory that holds the caches: the flag, else what environment and config say. Absolute. */
export async function resolveCacheRoot(context: Context, flags: CacheFlags): Promise<string> {
  if (flags.cacheDir !== undefined) {
    return resolve(context.cwd, flags.cacheDir);
  }
  const { loadUserConfig } = await import('../config/load-user-config.ts');
  const userConfig = await loadUserConfig({ directory: context.cwd });
  return cacheOptionsFor(userConfig, 'default').cacheRoot ?? defaultCacheRoot();
}

/** The tags that have a store in `root`, sorted; none when the directory does not exist. */
export async function existingTags(root: string): Promise<string[]> {
  const tags: string[] = [];
  for (const entry of await listDirectory(root)) {
    if (isTag(entry) && (await listDirectory(join(root, entry))).includes('cache.db')) {
      tags.push(entry);
    }
  }
  return tags.sort();
}

async function listDirectory(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return [];
    }
    throw error;
  }
}
