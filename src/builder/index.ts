/**
 * API for programs that build firmware: `glovebox/build`.
 *
 * @module glovebox/build
 */
export { ConfigError, createUserConfig, loadUserConfig, type UserConfig } from '../config/index.ts';
export type { CommandToolchainOptions, ToolchainKind } from '../config/toolchain-options.ts';
export { drawLayout, parseKeymap } from '../keymap/index.ts';
export { build } from './build.ts';
export { createCompilationCacheService } from './compilation-cache.ts';
export type { Diagnosis } from './diagnosis/diagnosis.ts';
export type { BuildEvent, BuildListener, BuildSummary } from './events.ts';
export {
  type Artifact,
  type CachingCompiler,
  type CompileEvent,
  type CompileJob,
  type CompileOutcome,
  type CompileRequest,
  type CompileResult,
  type CreateZmkWestServiceOptions,
  createCompilationBuildCacheService,
  createZmkWestService,
  type LookupResult,
  type ObservedInputs,
  type Target,
  type Toolchain,
  type ZmkWestService,
} from './incremental/index.ts';
export { createLayoutService } from './layout/layout-service.ts';
export { readMatrix } from './matrix/matrix.ts';
export type { MetricsSnapshot } from './metrics.ts';
export { createMetricsService } from './metrics.ts';
export type { BuildOptions } from './options.ts';
export { createFirmwareCacheService } from './output/firmware.ts';
export { OutputError } from './output/output.ts';
export { NoToolchainError } from './toolchains/choice.ts';
export { createToolchain, type ToolchainDescription } from './toolchains/index.ts';
export type { TargetTrace } from './tracing.ts';
export { type WatchOptions, watchBuild } from './watch/watch.ts';
export { createZmkWorkspaceCacheService } from './workspace/zmk-workspace-cache.ts';
