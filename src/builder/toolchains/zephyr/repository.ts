// A ZMK config repository, as the workflow sees it: which directory the keymaps are in, and whether it is a Zephyr module.
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
import { readTree } from '../../incremental/tree.ts';
import { inputFiles } from '../input-files.ts';
import { ToolchainError } from '../toolchain-error.ts';
import type { RepositoryLink } from './zephyr-runner.ts';

/** A config repository on this machine. Paths are absolute. */
export interface ConfigRepository {
  /** The directory with `build.yaml`. */
  directory: string;
  /** The directory of the keymaps. */
  config: string;
  /** Where that is in the repository: relative, with `/`. */
  configPath: string;
  /** Whether boards, shields and code of the repository itself are built: it has a `zephyr/module.yml`. */
  isModule: boolean;
  /** What says what is built, when it has another name than `build.yaml`. Relative to the directory. */
  buildFile?: string | undefined;
}

/** Looks at a repository. Throws {@link ToolchainError} when there is no directory of keymaps in it. */
export function readRepository(
  directory: string,
  configPath = DEFAULT_CONFIG_PATH,
  buildFile?: string,
): ConfigRepository {
  const config = path.resolve(directory, configPath);
  if (!statOf(config)?.isDirectory()) {
    throw new ToolchainError(
      `There is no directory ${config}, where the keymaps should be. Say in build.configPath where they are.`,
    );
  }
  const isModule = existsSync(path.join(directory, 'zephyr/module.yml'));
  const place = path.relative(directory, config).replaceAll(path.sep, '/');
  return { directory, config, configPath: place, isModule, buildFile };
}

/**
 * The directory that `ZMK_CONFIG` is to be for a build that has `place` for itself. For a module the workflow makes a
 * copy, apart from the module, of everything in the directory of the keymaps that is not hidden; so it is done here.
 *
 * @param seen where the build sees the repository. Default: where it is
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

/** As `cp -R` does: links stay links. One that leads out of the directory leads to the same from the copy. */
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
 * Links in a repository that lead out of it, or to a place that they name by its whole path. Empty when there is too much to
 * look through.
 *
 * @param projects directories of the workspace's projects, which are not looked into. Absolute
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

/** What is in a config repository and is read by no build. */
const NEVER_READ = [
  ...['build.yaml', 'build.yml', '.github/**', '.vscode/**', '.idea/**', '.direnv/**', '.devenv/**'],
  ...['glovebox.config.*', '.gloveboxrc', '.gloveboxrc.*'],
  ...['**/.west/**', '**/__pycache__/**', '**/node_modules/**'],
];

/** What tells a build directory, and an environment of Python's. */
const MARKS = ['CMakeCache.txt', 'pyvenv.cfg'];

/**
 * Every file that a build of the repository may read and that can change, absolute, sorted: all of it, because a keymap
 * may include what lies beside the directory of the keymaps, and a module may use anything; links are followed. Left out
 * are what no build reads, firmware, other builds, and the projects of a workspace that is in the repository: those are
 * known by their revisions.
 *
 * @param outputDirectory where firmware goes. Absolute
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
