// What a build can be asked for, and what it comes to.
import type { ToolchainKind } from '../config/toolchain-options.ts';
import type { UserConfig } from '../config/user-config.ts';
import type { BuildListener } from './events.ts';

/** How a plan is carried out. */
export interface RunOptions {
  /** Only says what would be done: emits `target-planned` events, compiles and writes nothing. Default: false. */
  dryRun?: boolean | undefined;
  /** Compiles every target once more from nothing and compares. Default: false. */
  verify?: boolean | undefined;
  /** Stops the build: every compiler is ended within two seconds, and nothing half-made is left. */
  signal?: AbortSignal | undefined;
  /** Whether the plan has only some of the matrix's targets, so that nothing can be said about all. Default: false. */
  isPartial?: boolean | undefined;
  /** Whether targets will be built again as soon as something is saved. Default: false. */
  isWatched?: boolean | undefined;
  /** What stops one target alone, by its artifact name: the same signal whenever it is asked for. Default: nothing does. */
  signalOf?: (target: string) => AbortSignal | undefined;
  /**
   * The W3C trace context of a target, by its artifact name, which its compiler gets as `TRACEPARENT`. It counts for no
   * fingerprint. Default: none.
   */
  traceparentOf?: ((target: string) => string | undefined) | undefined;
  /** Told everything that happens, in order. When it throws, the build is stopped and rejects with what it threw. */
  onEvent: BuildListener;
}

export interface BuildOptions extends Omit<RunOptions, 'signalOf' | 'isPartial' | 'isWatched'> {
  /** The config's repository: the directory that holds `build.yaml`. */
  configDirectory: string;
  /**
   * Which file says what is built, relative to the config directory: the workflow's `build_matrix_path`. Default:
   * `build.buildFile` of the configuration, else `build.yaml`.
   */
  buildFile?: string | undefined;
  /**
   * Where the keymaps are, relative to the config directory: the workflow's `config_path`. Default: `build.configPath` of
   * the configuration, else `config`.
   */
  configPath?: string | undefined;
  /** Where firmware goes. Default: `build.output` of the configuration, else `firmware` in the config directory. */
  outputDirectory?: string | undefined;
  /** Targets compiled at once. Default: `build.jobs` of the configuration, else the number of cores. */
  jobs?: number | undefined;
  /** What compiles. Default: `build.toolchain` of the configuration, else the first that works. */
  toolchain?: ToolchainKind | undefined;
  /** The west workspace to build in. Default: `build.workspace` of the configuration, else the one that is found. */
  workspace?: string | undefined;
  /** Never touches the network: a missing image is not pulled, and the remote cache is not asked. Default: false. */
  offline?: boolean | undefined;
  /** Directory of the caches. Default: what configuration and environment say, else the platform's cache directory. */
  cacheRoot?: string | undefined;
  /** False compiles everything and stores nothing. Default: true. */
  cache?: boolean | undefined;
  /** Default: the files that `loadUserConfig` finds from the config directory. */
  userConfig?: UserConfig | undefined;
}

/** How a build went: the counts add up to the number of targets, except in a dry run, where they are 0. */
export interface BuildSummary {
  compiled: number;
  /** From the cache, those included that another process compiled meanwhile, and those from the remote cache. */
  cached: number;
  /** From the remote cache. */
  remote: number;
  failed: number;
  cancelled: number;
  /** With `verify`: targets that came out otherwise when they were compiled from nothing. */
  different?: number;
  /** Milliseconds, from start to end. */
  duration: number;
  /** Milliseconds by which it was done sooner because of the cache: time that a person waits, not a sum over targets. */
  saved: number;
  /** Absolute. */
  outputDirectory: string;
}
