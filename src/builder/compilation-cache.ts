// Compilation cache with its view of workspaces, as one object: a function of an earlier API.
import type { Cache } from '../cache/cache.ts';
import type { UserConfig } from '../config/user-config.ts';
import { openCompilationCache, type ServiceOptions } from './incremental/index.ts';
import {
  createZmkWorkspaceCacheService,
  type ZmkWorkspaceCacheService,
} from './workspace/zmk-workspace-cache.ts';

/**
 * The cache of records about builds, shared with every thread and process, and the workspaces below the same root.
 *
 * @param userConfig default: from the environment
 */
export function createCompilationCacheService(
  userConfig?: UserConfig,
  options: ServiceOptions = {},
): { cache: Cache; workspaceService: ZmkWorkspaceCacheService } {
  const { cacheRoot, clock } = options;
  return {
    cache: openCompilationCache(userConfig, options),
    workspaceService: createZmkWorkspaceCacheService(userConfig, { cacheRoot, clock }),
  };
}
