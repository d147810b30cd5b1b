// The command that compiles one target, as ZMK's own workflow (build-user-config.yml) writes it. Plain data: the same
// command runs on this machine and in a container, with the paths that are true there.
import type { Target } from '../../../domains/compilation/target.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { splitWords } from './words.ts';

/** What `west build` is told, with paths as the build sees them. */
export interface WestBuild {
  target: Target;
  /** Where it builds. Not there yet. */
  build: string;
  /** What `ZMK_CONFIG` is: the directory of the keymaps. */
  config: string;
  /** The config repository, when it is a Zephyr module. */
  module?: string;
  /** For what Zephyr finds out about the compiler: of builds that find out the same, one at a time. */
  userCache: string;
}

/** The program. Its working directory is the workspace. */
export const WEST = 'west';

/** The arguments of {@link WEST}. Throws {@link ToolchainError} when `cmake-args` cannot be split, or a path cannot be passed on. */
export function westBuildArguments({ target, build, config, module, userCache }: WestBuild): string[] {
  const { board, shield, snippet } = target;
  return [
    ...['build', '-s', 'zmk/app', '-d', build, '-b', board],
    ...(snippet === undefined ? [] : ['-S', snippet]),
    '--',
    `-DZMK_CONFIG=${cmakePath(config)}`,
    ...(shield === undefined ? [] : [`-DSHIELD=${shield}`]),
    ...(module === undefined ? [] : [`-DZMK_EXTRA_MODULES=${cmakePath(module)}`]),
    // Zephyr takes no variable of the environment for it. Without this it is ~/.cache/zephyr, which builds share that run
    // at once, or in Zephyr's sources where there is no such directory, and a container cannot write to those.
    `-DUSER_CACHE_DIR=${cmakePath(userCache)}`,
    ...cmakeArguments(target),
  ];
}

/** The words of a target's `cmake-args`. Throws {@link ToolchainError}. */
export function cmakeArguments({ cmakeArgs, artifactName }: Target): string[] {
  return cmakeArgs === undefined ? [] : splitWords(cmakeArgs, `cmake-args of ${artifactName}`);
}

/** For CMake a `;` parts two paths, and there is no way to write it that everything behind CMake understands. */
function cmakePath(directory: string): string {
  if (!directory.includes(';')) return directory;
  throw new ToolchainError(`Zephyr cannot build what is in ${directory}: rename it so that it has no ';'.`);
}
