// ZMK config repository, as ZMK's workflow treats it: the directory of the keymaps, and whether it is a Zephyr module.
import {
  constants,
  copyFileSync,
  type Dirent,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { escapePath } from 'tinyglobby';
import { DEFAULT_CONFIG_PATH } from '../../../config/toolchain-options.ts';
import { isInside, resolveReal, statOf } from '../../../system/paths.ts';
import { readTree } from '../../inputs/tree.ts';
import { inputFiles } from '../input-files.ts';
import { ToolchainError } from '../toolchain.ts';
import type { RepositoryLink } from './zephyr-runner.ts';

/** A config repository on this machine. Paths are absolute. */
export interface ConfigRepository {
  /** The directory with `build.yaml`. */
  directory: string;
  /** The directory of the keymaps. */
  config: string;
  /** The same, relative to the repository, with `/`. */
  configPath: string;
  /** Whether boards, shields and code of the repository itself are built, because it has a `zephyr/module.yml`. */
  isModule: boolean;
  /** The build matrix, if its name is not `build.yaml`. Relative to the directory. */
  buildFile?: string | undefined;
}

/** Examines a repository. Throws {@link ToolchainError} if it has no directory of keymaps. */
export function readRepository(
  directory: string,
  configPath = DEFAULT_CONFIG_PATH,
  buildFile?: string,
): ConfigRepository {
  const config = path.resolve(directory, configPath);
  if (!statOf(config)?.isDirectory()) {
    throw new ToolchainError(
      `There is no directory ${config}, where the keymaps should be. Set build.configPath to the directory of the keymaps.`,
    );
  }
  const isModule = existsSync(path.join(directory, 'zephyr/module.yml'));
  const place = path.relative(directory, config).replaceAll(path.sep, '/');
  return { directory, config, configPath: place, isModule, buildFile };
}

/**
 * The value of `ZMK_CONFIG` for a build with `place` as its own directory. For a module it is a copy, outside the module,
 * of everything in the directory of the keymaps that is not hidden, as in the workflow.
 *
 * @param seen the build's path of the repository. Default: its path on this machine
 */
export function isolateConfig(
  { directory, config, isModule }: ConfigRepository,
  place: string,
  seen: string = directory,
): string {
  if (!isModule) return config;
  const copy = path.join(place, 'zmk-config', path.basename(config));
  const inside = resolveReal(config);
  const places = { config: inside, repository: resolveReal(directory), seen };
  mkdirSync(copy, { recursive: true });
  for (const entry of readdirSync(config, { withFileTypes: true })) {
    if (!entry.name.startsWith('.')) copyEntry(places, inside, copy, entry);
  }
  return copy;
}

/** Like `cp -R`: links stay links. A link that leads out of the directory leads to the same place from the copy. */
function copyEntry(
  places: { config: string; repository: string; seen: string },
  from: string,
  to: string,
  entry: Dirent,
): void {
  const { config, repository, seen } = places;
  const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)];
  if (entry.isSymbolicLink()) {
    const target = readlinkSync(source);
    const place = path.resolve(from, target);
    const outside = path.resolve(seen, path.relative(repository, from), target);
    symlinkSync(path.isAbsolute(target) || isInside(place, config) ? target : outside, copy);
  } else if (entry.isDirectory()) {
    mkdirSync(copy);
    for (const inner of readdirSync(source, { withFileTypes: true })) copyEntry(places, source, copy, inner);
  } else if (entry.isFile()) copyFileSync(source, copy, constants.COPYFILE_FICLONE);
}

/**
 * Links in a repository that lead out of it or have an absolute target. Empty if there are too many files to search.
 *
 * @param projects directories of the workspace's projects, which are not searched. Absolute
 */
export function linkedOutside(
  { directory }: ConfigRepository,
  projects: readonly string[],
): RepositoryLink[] {
  const tree = readTree(directory, inner => projects.includes(inner));
  const repository = resolveReal(directory);
  return (tree?.links ?? []).flatMap(([link, target]) => {
    if (link === directory) return [];
    const leads = readlinkSync(link);
    if (isInside(target, repository) && !path.isAbsolute(leads)) return [];
    return [{ link: path.join(resolveReal(path.dirname(link)), path.basename(link)), leads }];
  });
}

/** Entries of a config repository that builds do not read. */
const NEVER_READ = [
  ...['build.yaml', 'build.yml', '.github/**', '.vscode/**', '.idea/**', '.direnv/**', '.devenv/**'],
  ...['glovebox.config.*', '.gloveboxrc', '.gloveboxrc.*'],
  ...['**/.west/**', '**/__pycache__/**', '**/node_modules/**'],
];

/** Files that identify a build directory, and a Python environment. */
const MARKS = ['CMakeCache.txt', 'pyvenv.cfg'];

/**
 * Every file that a build of the repository may read and that can change; absolute, sorted, links followed. These are all
 * files, because a keymap may include files beside the directory of the keymaps, and a module may use any. Excluded are
 * files that builds do not read, firmware, other builds, and the projects of a workspace inside the repository, which
 * are identified by their revisions.
 *
 * @param outputDirectory the directory of the firmware. Absolute
 * @param projects directories of the workspace's projects. Absolute
 */
export async function repositoryInputs(
  { directory, buildFile }: ConfigRepository,
  outputDirectory: string,
  projects: readonly string[] = [],
): Promise<string[]> {
  const matrix =
    buildFile === undefined ? [] : [path.relative(directory, path.resolve(directory, buildFile))];
  return inputFiles({
    ...{ directory, globs: ['**'], outputDirectory },
    ...{ ignore: [...NEVER_READ, ...matrix.map(escapePath)], excluded: projects, marks: MARKS },
  });
}
