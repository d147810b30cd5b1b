// Existing caches on disk, opened for maintenance.
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
  /** Only the cache of this tag. Default: all existing caches. */
  tag?: string;
  /** The cache root. Default: from the environment and the config. */
  cacheDir?: string;
}

export interface OpenCaches {
  /** The cache root, which holds one directory per tag. */
  root: string;
  /** In order of tag. */
  caches: Cache[];
  /** Closes all caches. */
  close(): Promise<void>;
}

/**
 * Opens the existing caches with their configured limits. An unknown tag is a {@link UsageError}. Disabled caches are
 * opened too: maintenance of the stored data is not use of the cache.
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

/** The cache root from the flag, else from the environment and the config. Absolute. */
export async function resolveCacheRoot(context: Context, flags: CacheFlags): Promise<string> {
  if (flags.cacheDir !== undefined) {
    return resolve(context.cwd, flags.cacheDir);
  }
  const { loadUserConfig } = await import('../config/load-user-config.ts');
  const userConfig = await loadUserConfig({ directory: context.cwd });
  return cacheOptionsFor(userConfig, 'default').cacheRoot ?? defaultCacheRoot();
}

/** The tags with a store in `root`, sorted; empty when the directory does not exist. */
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
