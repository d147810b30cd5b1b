// Environment of a Zephyr build. Only the variables listed here reach it: the build reads dozens of them (CFLAGS, BOARD,
// ZMK_CONFIG, KCONFIG_*, …), and each one would change the firmware.
import path from 'node:path';
import { type Environment, pickEnvironment } from '../../../config/environment.ts';
import type { CcacheUse, ZephyrBuildSpec } from './zephyr-runner.ts';

/**
 * The variables that are passed on, besides those set in `toolchains.west.environment`: the places of programs, compilers
 * and Python packages. The place itself does not change the firmware, so most of them are not part of the fingerprint.
 * The files found there are: see `tools.ts` and `searched-directories.ts`.
 */
export const PASSED_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  // Compilers outside the system's own directories.
  'LD_LIBRARY_PATH',
  // Choice of the compiler: see "Toolchains" in Zephyr's documentation.
  'ZEPHYR_TOOLCHAIN_VARIANT',
  'ZEPHYR_SDK_INSTALL_DIR',
  'GNUARMEMB_TOOLCHAIN_PATH',
  'CROSS_COMPILE',
  'TOOLCHAIN_ROOT',
  // Places of west and of the Python packages that Zephyr needs.
  'PYTHONPATH',
  'VIRTUAL_ENV',
  'PYENV_ROOT',
  'PYENV_VERSION',
];

/** The passed variables whose values are part of the fingerprint, because they are names and not places. */
const COUNTED_VARIABLES: readonly string[] = ['ZEPHYR_TOOLCHAIN_VARIANT'];

/** The variables whose values are part of the fingerprint, by name: {@link COUNTED_VARIABLES} and `more`. */
export function countedEnvironment(
  more: readonly string[] = [],
  environment?: Environment,
): Record<string, string> {
  return pickEnvironment([...new Set([...COUNTED_VARIABLES, ...more])].sort(), environment);
}

/**
 * The passed variables that are set, by name. `PATH` comes without relative and repeated directories, and without those
 * that npm puts in front, which hold no tools of a build.
 *
 * @param more further names
 */
export function passedEnvironment(
  more: readonly string[] = [],
  environment?: Environment,
): Record<string, string> {
  const passed = pickEnvironment([...new Set([...PASSED_VARIABLES, ...more])].sort(), environment);
  if (passed.PATH !== undefined) passed.PATH = cleanPath(passed.PATH);
  return passed;
}

/**
 * Variables that a build gets unless `environment` of its toolchain sets them. Zephyr's scripts iterate over Python sets,
 * whose order changes with the random seed of each run's string hashes. Without a fixed seed, generated files such as
 * `kobj-types-enum.h` would differ between two builds of the same sources, and ccache would find no object.
 */
export const DEFAULT_ENVIRONMENT: Readonly<Record<string, string>> = { PYTHONHASHSEED: '0' };

/** The file, in the directory for temporary files, in which ccache records what it did. */
export const CCACHE_STATISTICS = 'ccache-statistics';

/** The places of a build that its environment names, by the build's paths. */
export type BuildPlaces = Pick<ZephyrBuildSpec, 'workspace' | 'zephyr' | 'settings' | 'temporary' | 'ccache'>;

/** The variables that are always set. They take precedence over passed ones. */
export function buildEnvironment(
  { workspace, zephyr, settings, temporary, ccache }: BuildPlaces,
  jobs: number,
): Record<string, string> {
  const base = path.posix.join(workspace, zephyr);
  return {
    // This workspace's Zephyr, not the one in CMake's registry in the home directory.
    ZEPHYR_BASE: base,
    Zephyr_DIR: path.posix.join(base, 'share/zephyr-package/cmake'),
    TMPDIR: temporary,
    WEST_CONFIG_LOCAL: settings,
    // West's settings elsewhere on this machine do not apply to this build.
    WEST_CONFIG_GLOBAL: path.posix.join(temporary, 'no-west-config'),
    WEST_CONFIG_SYSTEM: path.posix.join(temporary, 'no-west-config'),
    CMAKE_BUILD_PARALLEL_LEVEL: String(jobs),
    LC_ALL: 'C.UTF-8',
    // The workspace stays unchanged: no bytecode and no new git index.
    PYTHONDONTWRITEBYTECODE: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(ccache === undefined ? { CCACHE_DISABLE: '1' } : ccacheEnvironment(ccache, temporary)),
  };
}

/**
 * Safe settings of ccache: a directory of its own, and none of the user's settings. Above all no base directory, which
 * would change `__FILE__` and thus the firmware.
 */
function ccacheEnvironment(
  { directory, compiler, epoch }: CcacheUse,
  temporary: string,
): Record<string, string> {
  return {
    CCACHE_DIR: directory,
    CCACHE_CONFIGPATH: path.posix.join(directory, 'no-config'),
    CCACHE_MAXSIZE: '2G',
    CCACHE_STATSLOG: path.posix.join(temporary, CCACHE_STATISTICS),
    // Part of every key. By default ccache compares the size and time of the outermost program only.
    CCACHE_COMPILERCHECK: `string:${compiler}`,
    // Part of the key in direct mode only, whatever the language: objects that are found after preprocessing may be those
    // of other targets. Compilers read it for Objective-C++ alone.
    OBJCPLUS_INCLUDE_PATH: `/nonexistent/${epoch}`,
  };
}

function cleanPath(value: string): string {
  const directories = value
    .split(path.delimiter)
    .filter(directory => path.isAbsolute(directory) && !isOfNpm(directory));
  return [...new Set(directories)].join(path.delimiter);
}

function isOfNpm(directory: string): boolean {
  return /[\\/]node_modules[\\/](?:\.bin|npm|@npmcli)(?:[\\/]|$)/.test(directory);
}
