// Where Zephyr looks for what a keymap includes: the devicetree roots of modules, of ZMK and of Zephyr, in this order.
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import * as walk from 'empathic/walk';
import { readTextFile } from '../../config/text-file.ts';
import type { UserConfig } from '../../config/user-config.ts';

/** The directories of includes for a keymap. */
export interface SearchPath {
  /** Absolute, in the order in which they are searched; only those that exist. */
  directories: string[];
  /** Those of them that are the config's own. */
  own: string[];
  /** Whether ZMK is among them. */
  hasZmk: boolean;
}

export interface SearchPathOptions {
  /** The directory with `build.yaml`. Absolute. Default: found from the keymap. */
  configDirectory?: string | undefined;
  /** The west workspace. Absolute. Default: the configured one, else the one that the config is built in. */
  workspace?: string | undefined;
  /** The directory of the caches, where workspaces are kept; goes before the configuration. */
  cacheRoot?: string | undefined;
  userConfig?: UserConfig | undefined;
}

/** What Zephyr searches in each root. ZMK's boards are nearly all ARM, and no keymap includes what is of an architecture. */
const FOLDERS = ['include', 'include/zephyr', 'dts/common', 'dts/arm', 'dts'];

/** What tells the directory of a config. */
const MARKS = ['build.yaml', 'build.yml', 'zephyr/module.yml', 'zephyr/module.yaml', '.git'];

/** Modules are at most this deep in a workspace: `modules/hal/nordic`. */
const MODULE_DEPTH = 3;
const MAX_MODULE_FILE = 64 * 1024;

/** The directories in which what a keymap includes is looked for. Never rejects: what cannot be read is not there. */
export async function findSearchPath(keymap: string, options: SearchPathOptions = {}): Promise<SearchPath> {
  const { userConfig } = options;
  const config = options.configDirectory ?? (await configDirectoryOf(keymap));
  const workspace = options.workspace ?? userConfig?.build.workspace ?? (await workspaceOf(config, options));
  const modules = workspace === undefined ? [] : await modulesIn(workspace);
  const application = await first(
    modules.map(module => path.join(module, 'app')),
    isApplication,
  );
  const roots: (string | undefined)[] = [];
  // The config, as one of the build's extra modules, comes after those of the workspace, and ZMK's own module after it.
  for (const module of modules) {
    if (module !== config && !isIn(module, application)) roots.push(await devicetreeRoot(module));
  }
  const own = await devicetreeRoot(config);
  roots.push(own);
  if (application !== undefined) roots.push(await devicetreeRoot(path.join(application, 'module')));
  const keymaps = path.resolve(config, userConfig?.build.configPath ?? 'config');
  if (await isDirectory(path.join(keymaps, 'dts'))) roots.push(keymaps);
  roots.push(application, workspace && path.join(workspace, 'zephyr'));

  const directories: string[] = [];
  for (const root of new Set(roots)) {
    for (const folder of root === undefined ? [] : FOLDERS) {
      const directory = path.join(root!, folder);
      if (await isDirectory(directory)) directories.push(directory);
    }
  }
  const ours = [own, keymaps].flatMap(root =>
    root === undefined ? [] : FOLDERS.map(name => path.join(root, name)),
  );
  return {
    directories,
    own: directories.filter(directory => ours.includes(directory)),
    hasZmk: application !== undefined,
  };
}

/** The nearest directory above a keymap that is a config's; else the one beside the keymap's own. */
async function configDirectoryOf(keymap: string): Promise<string> {
  const directory = path.dirname(keymap);
  const found = await first([...walk.up(directory)], async above => {
    const marks = await Promise.all(MARKS.map(mark => exists(path.join(above, mark))));
    return marks.includes(true);
  });
  return found ?? path.dirname(directory);
}

async function workspaceOf(
  config: string,
  { userConfig, cacheRoot }: SearchPathOptions,
): Promise<string | undefined> {
  const { findWorkspace, WorkspaceError } = await import('../compilation/workspace/index.ts');
  try {
    return await findWorkspace(config, {
      ...(userConfig && { userConfig }),
      ...(cacheRoot && { cacheRoot }),
    });
  } catch (error) {
    // A west.yml that cannot be read is for the build to complain about.
    if (error instanceof WorkspaceError) return undefined;
    throw error;
  }
}

/** The directories of a workspace that may be modules, sorted: itself, and those below down to a depth. */
async function modulesIn(workspace: string): Promise<string[]> {
  const found = [workspace];
  let level = await subdirectories(workspace);
  for (let depth = 1; ; depth++) {
    found.push(...level);
    if (depth === MODULE_DEPTH) return found.sort();
    // What is in Zephyr and in modules are no modules.
    const open: string[] = [];
    for (const directory of level) {
      const isClosed = path.basename(directory) === 'zephyr' || (await moduleFile(directory)) !== undefined;
      if (!isClosed) open.push(directory);
    }
    level = (await Promise.all(open.map(subdirectories))).flat();
  }
}

async function subdirectories(directory: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const found = entries
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .filter(entry => entry.isDirectory() || entry.isSymbolicLink())
    .map(entry => path.join(directory, entry.name));
  const isOne = await Promise.all(found.map(isDirectory));
  return found.filter((_, index) => isOne[index]);
}

function isApplication(directory: string): Promise<boolean> {
  return exists(path.join(directory, 'include/dt-bindings/zmk/keys.h'));
}

/** Where a module says that its devicetree files are; undefined when it says nothing. */
async function devicetreeRoot(directory: string): Promise<string | undefined> {
  const file = await moduleFile(directory);
  if (file === undefined) return undefined;
  const { parse } = await import('yaml');
  try {
    const module = parse(await readTextFile(file, MAX_MODULE_FILE), { maxAliasCount: 100, schema: 'core' });
    const root: unknown = module?.build?.settings?.dts_root;
    return typeof root === 'string' ? path.resolve(directory, root) : undefined;
  } catch {
    return undefined;
  }
}

function moduleFile(directory: string): Promise<string | undefined> {
  const files = ['zephyr/module.yml', 'zephyr/module.yaml'].map(file => path.join(directory, file));
  return first(files, exists);
}

function isIn(directory: string, other: string | undefined): boolean {
  return other !== undefined && `${directory}${path.sep}`.startsWith(`${other}${path.sep}`);
}

async function first(
  candidates: readonly string[],
  holds: (candidate: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const candidate of candidates) if (await holds(candidate)) return candidate;
  return undefined;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function isDirectory(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isDirectory() === true;
}
