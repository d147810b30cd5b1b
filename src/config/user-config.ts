// The validated user configuration. Light: worker threads import it.
import type { ByteSize, Duration, EvictionPolicy } from '../cache/cache.ts';
import type { CacheOptions } from '../cache/options.ts';
import type { RemoteMode } from '../cache/remote/options.ts';
import { cacheEnvironment } from './environment.ts';
import type { BuildConfig, ToolchainKind, ToolchainsOptions } from './toolchain-options.ts';

/** `cache.tags.<tag>` in the config file: overrides for one tag. */
export interface TagConfig {
  /** False: nothing is stored under this tag. A tag can be enabled while `cache.enabled` is false. */
  enabled?: boolean | undefined;
  /** Size limit of this tag's store. */
  maxSize?: ByteSize | undefined;
  /** Which entries are evicted first at the size limit. */
  policy?: EvictionPolicy | undefined;
  /** TTL of entries that are stored without one. */
  ttl?: Duration | undefined;
}

/** `cache` in the config file. Defaults: see {@link CacheOptions}. */
export interface CacheConfig extends TagConfig {
  /**
   * Cache root, which holds one directory per tag. Absolute; in the file it may begin with `~/` or be relative to
   * the file.
   */
  directory?: string | undefined;
  /** How long an operation waits for other processes before it gives up. */
  timeout?: Duration | undefined;
  /** Overrides for single tags. */
  tags: Record<string, TagConfig>;
}

/** `workspaces` in the config file: retention of the workspaces that Glovebox made. */
export interface WorkspacesConfig {
  /** Time since last use after which a workspace is removed. Default: 30 days. */
  ttl?: Duration | undefined;
  /** Total size limit; the least recently used workspaces are removed first. Default: `'20GB'`. */
  maxSize?: ByteSize | undefined;
}

/** `remote` in the config file: a shared HTTP cache. Each field but `share` has an environment variable. */
export interface RemoteConfig {
  /** URL. Default: `GLOVEBOX_REMOTE`, else there is no remote cache. */
  url?: string | undefined;
  /** Whether results compiled here are uploaded as well. Default: `read`. */
  mode?: RemoteMode | undefined;
  /** Trusted public keys in base64, each optionally followed by a name. */
  trust?: string[] | undefined;
  /** Toolchains whose results are shared. Default: `container` and `command`. */
  share?: ToolchainKind[] | undefined;
}

/** `agents` in the config file: machines that compile targets for others. */
export interface AgentsConfig {
  /** Address of the queue, in Redis or Valkey. Default: `GLOVEBOX_QUEUE`, else targets are compiled on this machine. */
  queue?: string | undefined;
}

/** The merged and validated configuration of all files. Plain data: it can be sent to another thread. */
export interface UserConfig {
  cache: CacheConfig;
  build: BuildConfig;
  toolchains: ToolchainsOptions;
  /** Absent when not configured. */
  workspaces?: WorkspacesConfig | undefined;
  /** Absent when not configured. */
  remote?: RemoteConfig | undefined;
  /** Absent when not configured. */
  agents?: AgentsConfig | undefined;
  /** Absolute paths of the files this came from, highest precedence first; empty when there were none. */
  sources: string[];
  /** Directory of the project's config file, the base of its paths and globs. Undefined without one. */
  directory?: string | undefined;
}

/**
 * Cache options from config and environment for `tag`. The tag's own fields override those for all tags, and the
 * environment overrides both. Explicit options override the result. Unset fields are absent.
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
