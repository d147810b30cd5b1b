/**
 * What programs that build import: `glovebox/build`.
 *
 * @module glovebox/build
 */
export { ConfigError, createUserConfig, loadUserConfig, type UserConfig } from '../config/index.ts';
export type { CommandToolchainOptions, ToolchainKind } from '../config/toolchain-options.ts';
export {
  type Artifact,
  type CompileEvent,
  type CompileJob,
  type CompileOutcome,
  type CompileRequest,
  type CompileResult,
  type CreateZmkWestServiceOptions,
  createCompilationBuildCacheService,
  createCompilationCacheService,
  createZmkWestService,
  createZmkWorkspaceCacheService,
  type LookupResult,
  type ObservedInputs,
  type Target,
  type Toolchain,
  type ZmkWestService,
} from '../domains/compilation/index.ts';
export { createFirmwareCacheService } from '../domains/firmware/index.ts';
export { createLayoutService } from '../domains/layout/index.ts';
export { createMetricsService, type MetricsSnapshot } from '../domains/metrics/index.ts';
export { drawLayout, parseKeymap } from '../keymap/index.ts';
export { build } from './build.ts';
export type { Diagnosis } from './diagnosis/diagnosis.ts';
export type { BuildEvent, BuildListener } from './events.ts';
export { readMatrix } from './matrix.ts';
export type { BuildOptions, BuildSummary } from './options.ts';
export { OutputError } from './output.ts';
export { NoToolchainError } from './toolchain-choice.ts';
export { createToolchain, type ToolchainDescription } from './toolchains/index.ts';
export { type WatchOptions, watchBuild } from './watch/watch.ts';
