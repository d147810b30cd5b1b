// Toolchain configuration.

/** The kinds of toolchain. */
export type ToolchainKind = 'west' | 'container' | 'command';

/** When a build reuses objects of the target's last build: while it is watched, always, or never. */
export type IncrementalMode = 'watch' | 'always' | 'off';

/** `build` in the config file. */
export interface BuildConfig {
  /** The toolchain. Default: the first one that is configured or found. */
  toolchain?: ToolchainKind | undefined;
  /** Number of targets compiled at once. Default: the number of cores. */
  jobs?: number | undefined;
  /** Directory for firmware, relative to the config directory (the config's repository). Default: `firmware`. */
  output?: string | undefined;
  /**
   * The west workspace for `west` and `container`. Default: the one that is found. Absolute once the config is
   * loaded.
   */
  workspace?: string | undefined;
  /**
   * The build matrix, relative to the config directory: the workflow's `build_matrix_path`. Default: `build.yaml`.
   */
  buildFile?: string | undefined;
  /**
   * Directory of the keymaps, relative to the config directory: the workflow's `config_path`. Default: `config`.
   */
  configPath?: string | undefined;
  /**
   * Extension of the binary for boards that make no UF2, such as `hex`: the workflow's `fallback_binary`. Default:
   * `bin`.
   */
  fallbackBinary?: string | undefined;
  /** When objects of a target's last build are reused. Default: `watch`. */
  incremental?: IncrementalMode | undefined;
}

/** `toolchains` in the config file: one field per kind. */
export interface ToolchainsOptions {
  command?: CommandToolchainOptions | undefined;
  west?: WestToolchainOptions | undefined;
  container?: ContainerToolchainOptions | undefined;
}

/** `toolchains.west`: ZMK's own build with the tools installed on this machine. */
export interface WestToolchainOptions {
  /** Names of additional variables that reach the build and the fingerprint. Default: none. */
  environment?: string[] | undefined;
}

/** `toolchains.container`: ZMK's own build in its container. */
export interface ContainerToolchainOptions {
  /** Name of the image. Default: `zmkfirmware/zmk-build-arm:stable`. */
  image?: string | undefined;
  /** The container engine. Default: `GLOVEBOX_CONTAINER_ENGINE`, else the first one that works. */
  engine?: 'docker' | 'podman' | undefined;
  /** Names of variables that reach the build and the fingerprint. Default: none. */
  environment?: string[] | undefined;
}

/**
 * `toolchains.command`: any program that turns inputs into artifacts. Placeholders in `arguments` are those of
 * `PLACEHOLDERS`. Relative paths and globs are relative to the directory of the config file, unless stated otherwise.
 */
export interface CommandToolchainOptions {
  /** A path, or a name to look up in `PATH`. */
  program: string;
  /** Arguments, each passed as it is, without a shell. */
  arguments: string[];
  /** Globs of the files that a build may read. */
  inputs: string[];
  /** Globs of the files that a build makes, relative to the build directory. */
  artifacts: string[];
  /** A command whose output becomes part of the toolchain's identity. Default: none. */
  version?: string[] | undefined;
  /** Names of variables that reach the program and the fingerprint. Default: none. */
  environment?: string[] | undefined;
  /** Names of variables that reach the program but not the fingerprint. Default: {@link DEFAULT_PASS_THROUGH}. */
  passThrough?: string[] | undefined;
  /**
   * Dependency file in Makefile syntax with the files that the build read, relative to the build directory.
   * Default: none.
   */
  observed?: string | undefined;
}

/** Names of placeholders in `toolchains.command.arguments`. */
export const PLACEHOLDERS = [
  'board',
  'shield',
  'snippet',
  'config',
  'build',
  'name',
  'jobs',
  'cmake-args',
] as const;

/** Default of `build.configPath`, the same as the workflow's `config_path`. */
export const DEFAULT_CONFIG_PATH = 'config';

/** Variables that a program needs to start, and that do not change its results. */
export const DEFAULT_PASS_THROUGH: readonly string[] = ['PATH', 'HOME', 'TMPDIR'];
