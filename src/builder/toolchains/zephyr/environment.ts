// The environment that a Zephyr build gets. Nothing of ours reaches it but what is listed here: the build reads dozens of
// variables (CFLAGS, BOARD, ZMK_CONFIG, KCONFIG_*, …), and each one would make other firmware.
import path from 'node:path';
import { type Environment, pickEnvironment } from '../../../config/environment.ts';
import type { CcacheUse, ZephyrBuildSpec } from './zephyr-runner.ts';

/**
 * The variables that are passed on, those set in `toolchains.west.environment` aside: where programs, compilers and
 * Python packages are. Where that is changes no firmware, so most of them are no part of the fingerprint; what is found
 * there is: see `tools.ts` and `searched-directories.ts`.
 */
export const PASSED_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  // Compilers that are not from the system's own directories.
  'LD_LIBRARY_PATH',
  // Which compiler: see "Toolchains" in Zephyr's documentation.
  'ZEPHYR_TOOLCHAIN_VARIANT',
  'ZEPHYR_SDK_INSTALL_DIR',
  'GNUARMEMB_TOOLCHAIN_PATH',
  'CROSS_COMPILE',
  'TOOLCHAIN_ROOT',
  // Where west, and the Python packages that Zephyr needs, are.
  'PYTHONPATH',
  'VIRTUAL_ENV',
  'PYENV_ROOT',
  'PYENV_VERSION',
];

/** Those of the passed variables whose values are part of the fingerprint: it is a name, and no place. */
const COUNTED_VARIABLES: readonly string[] = ['ZEPHYR_TOOLCHAIN_VARIANT'];

/** The variables that are part of the fingerprint as they are, by name: {@link COUNTED_VARIABLES}, and `more`. */
export function countedEnvironment(
  more: readonly string[] = [],
  environment?: Environment,
): Record<string, string> {
  return pickEnvironment([...new Set([...COUNTED_VARIABLES, ...more])].sort(), environment);
}

/**
 * The passed variables that are set, by name. `PATH` without relative directories, repeated ones, and those that npm puts
 * in front, which hold no tool of a build.
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
 * Variables that a build gets unless `environment` of its toolchain names them. Zephyr's scripts go through sets of
 * Python's, whose order is another one in each run while strings are hashed with a random seed: what they generate, such as
 * `kobj-types-enum.h`, would differ between two builds of the same sources, and ccache would know no object again.
 */
export const DEFAULT_ENVIRONMENT: Readonly<Record<string, string>> = { PYTHONHASHSEED: '0' };

/** The file, in the directory for temporary files, in which ccache says what it did. */
export const CCACHE_STATISTICS = 'ccache-statistics';

/** The places of a build that its environment names, as the build sees them. */
export type BuildPlaces = Pick<ZephyrBuildSpec, 'workspace' | 'zephyr' | 'settings' | 'temporary' | 'ccache'>;

/** The variables that are set, whatever the caller's environment says. They win over passed ones. */
export function buildEnvironment(
  { workspace, zephyr, settings, temporary, ccache }: BuildPlaces,
  jobs: number,
): Record<string, string> {
  const base = path.posix.join(workspace, zephyr);
  return {
    // This workspace's Zephyr, and not the one that CMake's registry in the home directory remembers.
    ZEPHYR_BASE: base,
    Zephyr_DIR: path.posix.join(base, 'share/zephyr-package/cmake'),
    TMPDIR: temporary,
    WEST_CONFIG_LOCAL: settings,
    // What west is configured to do elsewhere on this machine is no part of this build.
    WEST_CONFIG_GLOBAL: path.posix.join(temporary, 'no-west-config'),
    WEST_CONFIG_SYSTEM: path.posix.join(temporary, 'no-west-config'),
    CMAKE_BUILD_PARALLEL_LEVEL: String(jobs),
    LC_ALL: 'C.UTF-8',
    // Nothing is written to the workspace: neither bytecode nor git's index.
    PYTHONDONTWRITEBYTECODE: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(ccache === undefined ? { CCACHE_DISABLE: '1' } : ccacheEnvironment(ccache, temporary)),
  };
}

/**
 * ccache as it is safe: in a directory of its own, without whatever ccache is configured to do elsewhere. Above all
 * without a base directory, which changes the `__FILE__`s and so the firmware.
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
    // Part of every key. By itself ccache looks at the size and time of the outermost program.
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
