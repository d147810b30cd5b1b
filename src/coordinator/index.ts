// What the coordinator offers to users and to the folders above.
export type { AggregatedCacheStats } from './coordinator.ts';
export {
  cleanupSharedCacheInstances,
  connectToCoordinator,
  createCacheFromUserConfig,
  createCoordinatorPort,
  createDefaultCache,
  getAggregatedCacheStats,
  getCacheInstanceCount,
  getCacheInstanceKeys,
  getSharedCacheInstance,
  openCache,
  resetSharedCacheInstances,
} from './registry.ts';
