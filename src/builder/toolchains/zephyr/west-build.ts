// Command that compiles one target, as in ZMK's own workflow (build-user-config.yml). Plain data: the same command runs on
// this machine and in a container, each with its own paths.
import type { Target } from '../../matrix/target.ts';
import { ToolchainError } from '../toolchain.ts';
import { type CmakePlaces, cmakeArguments } from './cmake-arguments.ts';
import type { BuildStep, ZephyrBuildSpec } from './zephyr-runner.ts';

/** The places that are passed to `west build`, by the build's paths. */
export type WestPlaces = CmakePlaces &
  Pick<ZephyrBuildSpec, 'application' | 'build' | 'module' | 'userCache'>;

/** The program. Its working directory is the workspace. */
export const WEST = 'west';

/**
 * The command of a step of a build, to be run in the workspace. Throws {@link ToolchainError} as
 * {@link westBuildArguments} does.
 *
 * @param jobs the number of processes that a script may run at once
 */
export function stepCommand(
  step: BuildStep,
  target: Target,
  places: WestPlaces,
  jobs: number,
): { command: string; args: string[] } {
  if (step === 'make') return { command: 'cmake', args: ['--build', places.build] };
  if (typeof step !== 'string') return { command: 'sh', args: [step.script, String(jobs)] };
  const [build, ...args] = westBuildArguments(target, places);
  return { command: WEST, args: step === 'all' ? [build!, ...args] : [build!, '--cmake-only', ...args] };
}

/** The arguments of {@link WEST}. Throws {@link ToolchainError} if `cmake-args` cannot be split, or a path cannot be passed to CMake. */
export function westBuildArguments(target: Target, places: WestPlaces): string[] {
  const { application, build, config, module, userCache } = places;
  const { board, shield, snippet } = target;
  return [
    ...['build', '-s', application, '-d', build, '-b', board],
    ...(snippet === undefined ? [] : ['-S', snippet]),
    '--',
    `-DZMK_CONFIG=${cmakePath(config)}`,
    ...(shield === undefined ? [] : [`-DSHIELD=${shield}`]),
    ...(module === undefined ? [] : [`-DZMK_EXTRA_MODULES=${cmakePath(module)}`]),
    // Zephyr has no environment variable for it. The default is ~/.cache/zephyr, which concurrent builds would share, or, if
    // that does not exist, a directory in Zephyr's sources, which a container cannot write to.
    `-DUSER_CACHE_DIR=${cmakePath(userCache)}`,
    ...cmakeArguments(target, places),
  ];
}

/** CMake separates paths by `;`, and no way to escape it works in all of Zephyr's scripts. */
function cmakePath(directory: string): string {
  if (!directory.includes(';')) return directory;
  throw new ToolchainError(
    `Zephyr cannot build in ${directory}, because the path contains ';'. Rename the directory.`,
  );
}
