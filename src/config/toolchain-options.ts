// How a user configures what compiles.

/** The toolchains there are. */
export type ToolchainKind = 'west' | 'container' | 'command';

/** When a build takes over objects from the target's last build directory: while it is watched, always, or never. */
export type IncrementalMode = 'watch' | 'always' | 'off';

/** `build` in the config file. */
export interface BuildConfig {
  /** What compiles. Default: the first toolchain that is configured or found. */
  toolchain?: ToolchainKind | undefined;
  /** Targets compiled at once. Default: the number of cores. */
  jobs?: number | undefined;
  /** Where firmware goes, relative to the config directory (the config's repository). Default: `firmware`. */
  output?: string | undefined;
  /** The west workspace that `west` and `container` build with. Default: the one that is found. Absolute once it is read. */
  workspace?: string | undefined;
  /** Which file says what is built, relative to the config directory: the workflow's `build_matrix_path`. Default: `build.yaml`. */
  buildFile?: string | undefined;
  /** Where the keymaps are, relative to the config directory: the workflow's `config_path`. Default: `config`. */
  configPath?: string | undefined;
  /** The binary that is taken when a board makes no UF2, such as `hex`: the workflow's `fallback_binary`. Default: `bin`. */
  fallbackBinary?: string | undefined;
  /** When objects of the last build are taken over. Default: `off`. */
  incremental?: IncrementalMode | undefined;
}

/** `toolchains` in the config file: one field for each kind. */
export interface ToolchainsOptions {
  command?: CommandToolchainOptions | undefined;
  west?: WestToolchainOptions | undefined;
  container?: ContainerToolchainOptions | undefined;
}

/** `toolchains.west`: ZMK's own build, with what is installed on this machine. */
export interface WestToolchainOptions {
  /** Names of further variables that reach the build and the fingerprint. Default: none. */
  environment?: string[] | undefined;
}

/** `toolchains.container`: ZMK's own build, in its container. */
export interface ContainerToolchainOptions {
  /** The image. Default: `zmkfirmware/zmk-build-arm:stable`. */
  image?: string | undefined;
  /** What runs it. Default: `GLOVEBOX_CONTAINER_ENGINE`, else the first that works. */
  engine?: 'docker' | 'podman' | undefined;
  /** Names of variables that reach the build and the fingerprint. Default: none. */
  environment?: string[] | undefined;
}

/**
 * `toolchains.command`: any program that turns inputs into artifacts. Placeholders in `arguments`: {@link PLACEHOLDERS}.
 * Relative paths and globs are as written; they count from the directory of the config file unless said otherwise.
 */
export interface CommandToolchainOptions {
  /** Looked up in `PATH`, or a path. */
  program: string;
  /** Arguments, each passed as one; no shell reads them. */
  arguments: string[];
  /** Globs of the files a build may read. */
  inputs: string[];
  /** Globs of what a build makes, relative to the build directory. */
  artifacts: string[];
  /** A command whose output is part of the toolchain's identity. Default: none. */
  version?: string[] | undefined;
  /** Names of variables that reach the program and the fingerprint. Default: none. */
  environment?: string[] | undefined;
  /** Names of variables that reach the program but not the fingerprint. Default: {@link DEFAULT_PASS_THROUGH}. */
  passThrough?: string[] | undefined;
  /** Dependency file in Makefile syntax that lists what the build read, relative to the build directory. Default: none. */
  observed?: string | undefined;
}

/** The names a placeholder in `toolchains.command.arguments` can have. */
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

/** `build.configPath` when nobody says otherwise: as the workflow's `config_path`. */
export const DEFAULT_CONFIG_PATH = 'config';

/** What a program needs to start at all, and what does not change what it makes. */
export const DEFAULT_PASS_THROUGH: readonly string[] = ['PATH', 'HOME', 'TMPDIR'];
