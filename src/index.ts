/**
 * Public module `glovebox`: caches shared by all threads and processes. Light, because every worker thread imports
 * it.
 *
 * @module glovebox
 */
export {
  type ByteSize,
  type Cache,
  type CacheStats,
  type CheckOptions,
  type CheckProblem,
  type CheckReport,
  CROSS_PROCESS_STALENESS_MS,
  type Duration,
  type EntryMetadata,
  type EvictionPolicy,
  FOREIGN_STALENESS_MS,
  type GetFileOptions,
  type GetOrSetOptions,
  type PrefixOptions,
  type Producer,
  type ProducerContext,
  type SetOptions,
} from './cache/cache.ts';
export { cacheKey, type FileContent, fileContent, type KeyPart, type KeyPartOf } from './cache/cache-key.ts';
export type { CacheOptions } from './cache/options.ts';
export type { CacheOperation, RemoteRequest } from './cache/tracing.ts';
export {
  CircularWaitError,
  ClosedCacheError,
  ConflictingOptionsError,
  GloveboxError,
  InvalidArgumentError,
  LostLeaseError,
  UncloneableValueError,
  ValueTooLargeError,
  WrongKindError,
} from './errors.ts';
export * from './registry.ts';
