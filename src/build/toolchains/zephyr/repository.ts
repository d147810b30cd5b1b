// A ZMK config repository, as the workflow sees it: which directory the keymaps are in, and whether it is a Zephyr module.
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { escapePath } from 'tinyglobby';
import { DEFAULT_CONFIG_PATH } from '../../../config/toolchain-options.ts';
import { inputFiles } from '../input-files.ts';
import { ToolchainError } from '../toolchain-error.ts';

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
  if (!existsSync(config)) {
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
 */
export function isolateConfig({ config, isModule }: ConfigRepository, place: string): string {
  if (!isModule) return config;
  const copy = path.join(place, 'zmk-config', path.basename(config));
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(config)) {
    if (name.startsWith('.')) continue;
    const [from, to] = [path.join(config, name), path.join(copy, name)];
    // As `cp -R` does: links stay links. One that leads nowhere, `cpSync` would follow all the same.
    if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
  return copy;
}

/** What is in a config repository and is read by no build. */
const NEVER_READ = [
  ...['build.yaml', 'build.yml', '.github/**', '.vscode/**', '.idea/**'],
  ...['glovebox.config.*', '.gloveboxrc', '.gloveboxrc.*'],
  ...['**/.west/**', '**/__pycache__/**', '**/node_modules/**'],
];

/** What tells a build directory, and an environment of Python's. */
const MARKS = ['CMakeCache.txt', 'pyvenv.cfg'];

/**
 * Build directories and Python's environments, relative to the repository. Not deeper than those are made: to look
 * further would be to walk through all of them.
 */
async function madeDirectories(repository: string): Promise<string[]> {
  const found: string[] = [];
  let level = [''];
  for (let depth = 0; depth <= 2; depth++) {
    const inner: string[] = [];
    for (const place of level) {
      const entries = await readdir(path.join(repository, place), { withFileTypes: true }).catch(() => []);
      if (entries.some(({ name }) => MARKS.includes(name))) found.push(place);
      const directories = entries.filter(entry => entry.isDirectory() && entry.name !== '.git');
      inner.push(...directories.map(({ name }) => path.join(place, name)));
    }
    level = inner;
  }
  return found;
}

/**
 * Every file that a build of the repository may read and that can change, absolute, sorted: all of it, because a keymap
 * may include what lies beside the directory of the keymaps, and a module may use anything. Left out are what no build
 * reads, firmware, other builds, and the projects of a workspace that is in the repository: those are known by their
 * revisions.
 *
 * @param outputDirectory where firmware goes. Absolute
 * @param projects directories of the workspace's projects. Absolute
 */
export async function repositoryInputs(
  { directory, buildFile }: ConfigRepository,
  outputDirectory: string,
  projects: readonly string[] = [],
): Promise<string[]> {
  const inside = [
    ...projects.map(project => path.relative(directory, project)),
    ...(await madeDirectories(directory)),
  ]
    .map(found => found.replaceAll(path.sep, '/'))
    .filter(found => found !== '' && found !== '.' && !found.startsWith('..'));
  const matrix =
    buildFile === undefined ? [] : [path.relative(directory, path.resolve(directory, buildFile))];
  return inputFiles({
    directory,
    globs: ['**'],
    outputDirectory,
    ignore: [...NEVER_READ, ...matrix.map(escapePath), ...inside.map(found => `${escapePath(found)}/**`)],
  });
}
