// The command that compiles one target, as ZMK's own workflow (build-user-config.yml) writes it. Plain data: the same
// command runs on this machine and in a container, with the paths that are true there.
import type { Target } from '../../matrix/target.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { type CmakePlaces, cmakeArguments } from './cmake-arguments.ts';
import type { BuildStep, ZephyrBuildSpec } from './zephyr-runner.ts';

/** What `west build` is told of a build's places, as the build sees them. */
export type WestPlaces = CmakePlaces &
  Pick<ZephyrBuildSpec, 'application' | 'build' | 'module' | 'userCache'>;

/** The program. Its working directory is the workspace. */
export const WEST = 'west';

/**
 * The command of a step of a build, to be run in the workspace. Throws {@link ToolchainError} as
 * {@link westBuildArguments} does.
 *
 * @param jobs how many processes a script may run at once
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

/** The arguments of {@link WEST}. Throws {@link ToolchainError} when `cmake-args` cannot be split, or a path cannot be passed on. */
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
    // Zephyr takes no variable of the environment for it. Without this it is ~/.cache/zephyr, which builds share that run
    // at once, or in Zephyr's sources where there is no such directory, and a container cannot write to those.
    `-DUSER_CACHE_DIR=${cmakePath(userCache)}`,
    ...cmakeArguments(target, places),
  ];
}

/** For CMake a `;` parts two paths, and there is no way to write it that everything behind CMake understands. */
function cmakePath(directory: string): string {
  if (!directory.includes(';')) return directory;
  throw new ToolchainError(`Zephyr cannot build what is in ${directory}: rename it so that it has no ';'.`);
}
