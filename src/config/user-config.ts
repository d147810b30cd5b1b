// What a user has configured, in the form the rest of Glovebox gets it. Light: worker threads import it.
import type { ByteSize, Duration, EvictionPolicy } from '../cache/cache.ts';
import type { CacheOptions } from '../cache/options.ts';
import type { RemoteMode } from '../cache/remote/options.ts';
import { cacheEnvironment } from './environment.ts';
import type { BuildConfig, ToolchainKind, ToolchainsOptions } from './toolchain-options.ts';

/** `cache.tags.<tag>` in the config file: what is different for one tag. */
export interface TagConfig {
  /** False: nothing of this tag is stored. A tag can be enabled while `cache.enabled` is false. */
  enabled?: boolean | undefined;
  /** Size limit of this tag's store. */
  maxSize?: ByteSize | undefined;
  /** Which entries go first at the size limit. */
  policy?: EvictionPolicy | undefined;
  /** TTL of entries that are stored without one. */
  ttl?: Duration | undefined;
}

/** `cache` in the config file. What is not given has the default that {@link CacheOptions} states. */
export interface CacheConfig extends TagConfig {
  /** Directory that holds one directory per tag. Absolute; in the file `~/` works, and relative counts from the file's directory. */
  directory?: string | undefined;
  /** How long an operation waits for other processes before it gives up. */
  timeout?: Duration | undefined;
  /** What is different for single tags. */
  tags: Record<string, TagConfig>;
}

/** `workspaces` in the config file: how long those that Glovebox made are kept. */
export interface WorkspacesConfig {
  /** How long a workspace is kept after it was last used. Default: 30 days. */
  ttl?: Duration | undefined;
  /** Bytes that all of them may have together; those used longest ago go first. Default: `'20GB'`. */
  maxSize?: ByteSize | undefined;
}

/** `remote` in the config file: a shared HTTP cache. The environment can say all of it but `share`. */
export interface RemoteConfig {
  /** Where it is. Default: `GLOVEBOX_REMOTE`, else there is none. */
  url?: string | undefined;
  /** Whether what is compiled here is uploaded as well. Default: `read`. */
  mode?: RemoteMode | undefined;
  /** Public keys whose records are believed, in base64, each with a name after it where wanted. */
  trust?: string[] | undefined;
  /** Whose results are shared. Default: `container` and `command`. */
  share?: ToolchainKind[] | undefined;
}

/** Everything that was configured, from all files, validated. Plain data: it can cross to another thread. */
export interface UserConfig {
  cache: CacheConfig;
  build: BuildConfig;
  toolchains: ToolchainsOptions;
  /** Absent when nothing was said. */
  workspaces?: WorkspacesConfig | undefined;
  /** Absent when nothing was said. */
  remote?: RemoteConfig | undefined;
  /** Absolute paths of the files this came from, the strongest first; empty when there were none. */
  sources: string[];
  /** Directory of the project's config file: what its paths and globs count from. Undefined without one. */
  directory?: string | undefined;
}

/**
 * What config and environment together say about the cache of `tag`: the tag's own fields go before those of all
 * tags, the environment before both. Explicit options go before what this returns. Fields nobody set are absent.
 */
export function cacheOptionsFor(userConfig: UserConfig, tag: string): CacheOptions {
  const { directory, tags, enabled, maxSize, timeout, policy, ttl } = userConfig.cache;
  const ofTag = Object.hasOwn(tags, tag) ? tags[tag] : undefined;
  const options: CacheOptions = {
    tag,
    cacheRoot: directory,
    enabled: ofTag?.enabled ?? enabled,
    maxSize: ofTag?.maxSize ?? maxSize,
    timeout,
    policy: ofTag?.policy ?? policy,
    ttl: ofTag?.ttl ?? ttl,
    ...cacheEnvironment(tag),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
