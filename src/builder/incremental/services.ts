// Services of incremental builds: the cache of records about builds, and the compiler that uses it, made from options and
// configuration.
import type { Cache } from '../../cache/cache.ts';
import type { CacheOptions } from '../../cache/options.ts';
import { cacheOptionsFor, type UserConfig } from '../../config/user-config.ts';
import { openConfiguredCache } from '../../registry.ts';
import { createFirmwareCacheService, type FirmwareCacheService } from '../output/firmware.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';
import { BUILD_TTL, CompilationBuildCacheService } from './build-cache.ts';
import { CachingCompiler } from './caching-compiler.ts';
import { COMPILATION_TAG } from './tag.ts';

/** The former name of {@link CachingCompiler}. */
export type ZmkWestService = CachingCompiler;

/** Options for a service's cache; take precedence over configuration and environment. */
export type ServiceOptions = Omit<CacheOptions, 'tag'>;

/**
 * The cache of records about builds, shared with every thread and process.
 *
 * @param userConfig default: from the environment
 */
export function openCompilationCache(userConfig?: UserConfig, options: ServiceOptions = {}): Cache {
  return openConfiguredCache(userConfig, { ...options, tag: COMPILATION_TAG });
}

/** Remembers the inputs of builds, for 7 days unless configured otherwise. */
export function createCompilationBuildCacheService(
  userConfig?: UserConfig,
  { cache, ...options }: ServiceOptions & { cache?: Cache } = {},
): CompilationBuildCacheService {
  return new CompilationBuildCacheService(cache ?? openCompilationCache(userConfig, options), {
    ttl: options.ttl ?? (userConfig && cacheOptionsFor(userConfig, COMPILATION_TAG).ttl) ?? BUILD_TTL,
    clock: options.clock,
  });
}

/** Arguments of {@link createZmkWestService}. */
export interface CreateZmkWestServiceOptions {
  /** The toolchain to compile with. */
  toolchain: Toolchain;
  /** Absolute: the directory with `build.yaml`. */
  configDirectory: string;
  userConfig?: UserConfig | undefined;
  /** For both caches; take precedence over the configuration. */
  cacheOptions?: ServiceOptions | undefined;
  /** Instead of the shared ones. */
  builds?: CompilationBuildCacheService | undefined;
  firmware?: FirmwareCacheService | undefined;
}

/** Creates the service that compiles targets or finds them in the shared caches, from any thread. */
export function createZmkWestService(options: CreateZmkWestServiceOptions): CachingCompiler {
  const { toolchain, configDirectory, userConfig, cacheOptions } = options;
  return new CachingCompiler({
    toolchain,
    configDirectory,
    builds: options.builds ?? createCompilationBuildCacheService(userConfig, cacheOptions),
    firmware: options.firmware ?? createFirmwareCacheService(userConfig, cacheOptions),
  });
}
