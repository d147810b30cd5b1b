// Options and summary of a build.
import type { ToolchainKind } from '../config/toolchain-options.ts';
import type { UserConfig } from '../config/user-config.ts';
import type { BuildListener } from './events.ts';

/** Options for carrying out a plan. */
export interface RunOptions {
  /** Only reports what would happen: emits `target-planned` events, compiles and writes nothing. Default: false. */
  dryRun?: boolean | undefined;
  /** Compiles every target once more, pristine, and compares the artifacts. Default: false. */
  verify?: boolean | undefined;
  /** Stops the build: every compiler ends within two seconds, and nothing half-made is left. */
  signal?: AbortSignal | undefined;
  /**
   * Whether the plan covers only some of the matrix's targets, so that nothing follows about all of them. Default:
   * false.
   */
  isPartial?: boolean | undefined;
  /** Whether the targets will be built again as soon as a file is saved. Default: false. */
  isWatched?: boolean | undefined;
  /** The signal that stops a single target, by its artifact name; the same signal at every call. Default: none. */
  signalOf?: (target: string) => AbortSignal | undefined;
  /**
   * The W3C trace context of a target, by its artifact name. Its compiler gets it as `TRACEPARENT`. It is not part of
   * any fingerprint. Default: none.
   */
  traceparentOf?: ((target: string) => string | undefined) | undefined;
  /** Receives every event, in order. If it throws, the build stops and rejects with that error. */
  onEvent: BuildListener;
}

export interface BuildOptions extends Omit<RunOptions, 'signalOf' | 'isPartial' | 'isWatched'> {
  /** The config's repository: the directory that holds `build.yaml`. */
  configDirectory: string;
  /**
   * The build matrix file, relative to the config directory: the workflow's `build_matrix_path`. Default:
   * `build.buildFile` of the configuration, else `build.yaml`.
   */
  buildFile?: string | undefined;
  /**
   * The directory of the keymaps, relative to the config directory: the workflow's `config_path`. Default:
   * `build.configPath` of the configuration, else `config`.
   */
  configPath?: string | undefined;
  /**
   * The directory for firmware. Default: `build.output` of the configuration, else `firmware` in the config directory.
   */
  outputDirectory?: string | undefined;
  /** Targets compiled at once. Default: `build.jobs` of the configuration, else the number of cores. */
  jobs?: number | undefined;
  /** The toolchain to compile with. Default: `build.toolchain` of the configuration, else the first that works. */
  toolchain?: ToolchainKind | undefined;
  /**
   * The west workspace to build in. Default: `build.workspace` of the configuration, else the workspace found on this
   * machine.
   */
  workspace?: string | undefined;
  /**
   * Whether agents on the configured queue compile targets, too. True warns if there is no queue; without a queue
   * everything is compiled here. Default: true if a queue is configured.
   */
  agents?: boolean | undefined;
  /** Never touches the network: a missing image is not pulled, and neither the remote cache nor agents are asked. Default: false. */
  offline?: boolean | undefined;
  /** Directory of the caches. Default: set by configuration and environment, else the platform's cache directory. */
  cacheRoot?: string | undefined;
  /** False compiles everything and stores nothing. Default: true. */
  cache?: boolean | undefined;
  /** Default: the files that `loadUserConfig` finds from the config directory. */
  userConfig?: UserConfig | undefined;
}
