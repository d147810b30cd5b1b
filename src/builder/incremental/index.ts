// Incremental builds: the cache of earlier builds, and the compiler that uses it.
export type { Target } from '../matrix/target.ts';
export type {
  Artifact,
  CompileJob,
  CompileOutcome,
  ObservedInputs,
  SourceExcerpt,
  Toolchain,
} from '../toolchains/toolchain.ts';
export {
  BUILD_TTL,
  type CompilationBuildCacheOptions,
  CompilationBuildCacheService,
  MAX_CANDIDATES,
} from './build-cache.ts';
export { CachingCompiler, type IdentifiedTarget } from './caching-compiler.ts';
export { type BaseInputs, FINGERPRINT_SCHEMA, type InputSnapshot } from './fingerprint.ts';
export type { DescribedTarget } from './lookup.ts';
export type { CompileRequest } from './production.ts';
export type { CompileEvent, CompileFailure, CompileResult, CompileSuccess, LookupResult } from './result.ts';
export {
  type CreateZmkWestServiceOptions,
  createCompilationBuildCacheService,
  createZmkWestService,
  openCompilationCache,
  type ServiceOptions,
  type ZmkWestService,
} from './services.ts';
export { ArtifactError } from './staging.ts';
export type { Manifest } from './stored-manifest.ts';
export { COMPILATION_TAG } from './tag.ts';
