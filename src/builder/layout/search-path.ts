// Search path of a keymap's includes, as in Zephyr: the devicetree roots of modules, of ZMK and of Zephyr.
import path from 'node:path';
import * as walk from 'empathic/walk';
import type { UserConfig } from '../../config/user-config.ts';
import { exists, isDirectory } from '../../system/paths.ts';
import { readTextFile } from '../../system/text-file.ts';

/** Include directories of a keymap. */
export interface SearchPath {
  /** Absolute, in search order; only existing ones. */
  directories: string[];
  /** The ones that belong to the config. */
  own: string[];
  /** The roots of `boards` directories, the config's first. Absolute; some may have none. */
  boards: string[];
  /** Whether ZMK's are included. */
  hasZmk: boolean;
}

export interface SearchPathOptions {
  /** The directory with `build.yaml`. Absolute. Default: found from the keymap. */
  configDirectory?: string | undefined;
  /** The west workspace. Absolute. Default: the configured one, else the one that the config is built in. */
  workspace?: string | undefined;
  /** The directory of the caches, which holds the workspaces; takes precedence over the configuration. */
  cacheRoot?: string | undefined;
  userConfig?: UserConfig | undefined;
}

/**
 * The folders that Zephyr searches in each root. Nearly all of ZMK's boards are ARM, and keymaps include no
 * architecture's files.
 */
const FOLDERS = ['include', 'include/zephyr', 'dts/common', 'dts/arm', 'dts'];

/** Marker files of a config directory. */
const MARKS = ['build.yaml', 'build.yml', 'zephyr/module.yml', 'zephyr/module.yaml', '.git'];

const MAX_MODULE_FILE = 64 * 1024;

/**
 * The directories in which a keymap's includes are looked for. An unreadable directory counts as missing; rejects with
 * `WorkspaceError` only if the given workspace is not one.
 */
export async function findSearchPath(keymap: string, options: SearchPathOptions = {}): Promise<SearchPath> {
  const { userConfig } = options;
  const config = options.configDirectory ?? (await configDirectoryOf(keymap));
  const { modules, application, zephyr } = await workspaceRoots(config, options);
  const own = await devicetreeRoot(config);
  const boardRoots = await Promise.all(modules.filter(module => module !== config).map(boardRoot));
  const keymaps = path.resolve(config, userConfig?.build.configPath ?? 'config');
  const roots = [
    ...(await Promise.all(modules.filter(module => module !== config).map(devicetreeRoot))),
    // The modules that the build adds to those of the workspace: the config, then ZMK's own.
    own,
    application && (await devicetreeRoot(path.join(application, 'module'))),
    application,
    (await isDirectory(path.join(keymaps, 'dts'))) ? keymaps : undefined,
    zephyr,
  ].filter(root => root !== undefined);

  const foldersOf = (root: string) => FOLDERS.map(folder => path.join(root, folder));
  const candidates = [...new Set(roots)].flatMap(foldersOf);
  const areThere = await Promise.all(candidates.map(isDirectory));
  const directories = candidates.filter((_, index) => areThere[index]);
  const ours = [own, keymaps].flatMap(root => (root === undefined ? [] : foldersOf(root)));
  return {
    directories,
    own: directories.filter(directory => ours.includes(directory)),
    boards: [...new Set([await boardRoot(config), config, keymaps, ...boardRoots, application])].filter(
      root => root !== undefined,
    ),
    hasZmk:
      application !== undefined && (await exists(path.join(application, 'include/dt-bindings/zmk/keys.h'))),
  };
}

/** The nearest config directory above a keymap; else the parent of the keymap's directory. */
async function configDirectoryOf(keymap: string): Promise<string> {
  const directory = path.dirname(keymap);
  for (const above of walk.up(directory)) {
    const marks = await Promise.all(MARKS.map(mark => exists(path.join(above, mark))));
    if (marks.includes(true)) return above;
  }
  return path.dirname(directory);
}

interface WorkspaceRoots {
  /** The projects, in west's order. */
  modules: string[];
  application?: string;
  zephyr?: string;
}

async function workspaceRoots(config: string, options: SearchPathOptions): Promise<WorkspaceRoots> {
  const { userConfig, cacheRoot, workspace: given } = options;
  const { findWorkspace, manifestProjects, WorkspaceError, zmkPlaces } = await import(
    '../workspace/index.ts'
  );
  const find = () =>
    findWorkspace(config, { ...(userConfig && { userConfig }), ...(cacheRoot && { cacheRoot }) });
  try {
    const workspace = given ?? userConfig?.build.workspace ?? (await find());
    if (workspace === undefined) return { modules: [] };
    const places = await zmkPlaces(workspace);
    const modules: string[] = [];
    for await (const project of manifestProjects(workspace)) modules.push(path.join(workspace, project.path));
    return {
      modules,
      ...(places && {
        application: path.join(workspace, places.application),
        zephyr: path.join(workspace, places.zephyr),
      }),
    };
  } catch (error) {
    // An unreadable west.yml, or an unreadable workspace that was not given, is for the build to report.
    if (error instanceof WorkspaceError && given === undefined) return { modules: [] };
    throw error;
  }
}

/** The devicetree root that a module declares; undefined if it declares none. */
function devicetreeRoot(directory: string): Promise<string | undefined> {
  return declaredRoot(directory, 'dts_root');
}

/** The root of boards and shields that a module declares; undefined if it declares none. */
function boardRoot(directory: string): Promise<string | undefined> {
  return declaredRoot(directory, 'board_root');
}

async function declaredRoot(
  directory: string,
  setting: 'dts_root' | 'board_root',
): Promise<string | undefined> {
  for (const name of ['zephyr/module.yml', 'zephyr/module.yaml']) {
    const text = await readTextFile(path.join(directory, name), MAX_MODULE_FILE).catch(() => undefined);
    if (text === undefined) continue;
    const { parse } = await import('yaml');
    try {
      const module = parse(text, { maxAliasCount: 100, schema: 'core' });
      const root: unknown = module?.build?.settings?.[setting];
      return typeof root === 'string' ? path.resolve(directory, root) : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
