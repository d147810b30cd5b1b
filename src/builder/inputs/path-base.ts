// Portable form of paths in stored records, so that a moved checkout, a second one, and one on another machine find
// them.
//
//   inside the config directory      config/corne.keymap
//   below a named place              {sdk:0.16.8}/arm-zephyr-eabi/lib/…   {repository}/shared/keys.h
//   in the system's own directories  {system}/usr/include/stdint.h
//   a program found by its name      {path}/dtc
//   all else                         absolute: valid on this machine only
import fs from 'node:fs';
import path from 'node:path';
import * as walk from 'empathic/walk';

/** A directory whose location differs between machines. Plain data. */
export interface NamedPlace {
  /** Without braces, such as `sdk:0.16.8`. */
  name: string;
  /** Absolute. Given under each of its names, if links give it several. */
  directory: string;
  /**
   * Whether it holds unrelated files as well, as `/usr` or a home directory does. Then only paths that the toolchain
   * has written in this form use it, and those that contain `mark`. Default: false.
   */
  isShared?: boolean;
  /** See `isShared`. Default: none. */
  mark?: string;
}

/** Directories of the system's packages, at the same path on every machine. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc', '/opt', '/nix/store'];

const SYSTEM_NAME = 'system';
const PROGRAM_NAME = 'path';
const REPOSITORY_NAME = 'repository';

export class PathBase {
  readonly #directory: string;
  readonly #roots: string[];
  /** Deepest first. */
  readonly #places: NamedPlace[];
  readonly #folders: readonly string[];

  /**
   * @param configDirectory absolute; paths through its real name are recognised as well
   *
   * @param places directories whose location differs between machines. Default: the repository of the config directory
   *
   * @param folders directories to search for programs by name. Default: none
   */
  constructor(configDirectory: string, places: readonly NamedPlace[] = [], folders: readonly string[] = []) {
    this.#directory = configDirectory;
    this.#roots = namesOf(configDirectory);
    this.#folders = folders;
    const repository = walk.up(this.#roots.at(-1)!).find(above => fs.existsSync(path.join(above, '.git')));
    const own = repository === undefined ? [] : [{ name: REPOSITORY_NAME, directory: repository }];
    this.#places = [...places, ...own]
      .flatMap(place => namesOf(place.directory).map(directory => ({ ...place, directory })))
      // Stable sort: of two names for one directory, the first given wins.
      .sort((one, other) => other.directory.length - one.directory.length);
  }

  /**
   * The stored form of a path, as in the table above. A path with `..` keeps its spelling: behind a link, the
   * normalised path is a different place. A path already in stored form is returned as it is.
   */
  toStored(file: string): string {
    if (file.startsWith('{')) return file;
    const plain = isClimbing(file) ? file : path.resolve(file);
    for (const root of this.#roots) {
      const inside = below(plain, root);
      // A file name may begin like the name of a place.
      if (inside !== undefined) return inside === '' ? '.' : inside.startsWith('{') ? `./${inside}` : inside;
    }
    for (const { name, directory, isShared = false, mark } of this.#places) {
      const inside = below(plain, directory);
      if (inside === undefined || (isShared && (mark === undefined || !inside.includes(mark)))) continue;
      return named(name, inside);
    }
    const isOfSystem = SYSTEM.some(directory => below(plain, directory) !== undefined);
    return isOfSystem ? named(SYSTEM_NAME, plain.slice(1)) : plain;
  }

  /** The absolute path of a stored one, on this machine; undefined if its place does not exist here. */
  fromStored(stored: string): string | undefined {
    const [, name, inside = ''] = /^\{([^}/]+)\}\/?(.*)$/s.exec(stored) ?? [];
    if (name === undefined) {
      if (!isClimbing(stored)) return path.resolve(this.#directory, stored);
      return path.isAbsolute(stored) ? stored : `${this.#directory}${path.sep}${stored}`;
    }
    if (name === SYSTEM_NAME) return `/${inside}`;
    if (name === PROGRAM_NAME) return programIn(this.#folders, inside) ?? `/nonexistent/${inside}`;
    const place = this.#places.find(other => other.name === name);
    if (place === undefined) return undefined;
    return inside === '' ? place.directory : `${place.directory === '/' ? '' : place.directory}/${inside}`;
  }

  /** A stored path for display: the path on this machine if it is outside the config directory. */
  shown(stored: string): string {
    return stored.startsWith('{') ? (this.fromStored(stored) ?? stored) : stored;
  }
}

/** The program of this name, in the first of the folders that has it. */
export function programIn(folders: readonly string[], name: string): string | undefined {
  return folders.map(folder => path.join(folder, name)).find(isFile);
}

/** The stored path of a program that is found by its name. */
export function programPath(name: string): string {
  return named(PROGRAM_NAME, name);
}

/** The stored path of a file in a shared place; see {@link NamedPlace}. Undefined if the file is not in it. */
export function pathInPlace(file: string, { name, directory }: NamedPlace): string | undefined {
  for (const root of namesOf(directory)) {
    const inside = below(file, root);
    if (inside !== undefined) return named(name, inside);
  }
  return undefined;
}

/** Whether a stored path is valid on this machine only. */
export function isOfThisMachine(stored: string): boolean {
  return path.isAbsolute(stored);
}

/** Whether a path is in one of the system's own directories, which are the same on every machine. */
export function isOfSystem(file: string): boolean {
  return SYSTEM.some(directory => below(path.resolve(file), directory) !== undefined);
}

/** A directory's given name, and its name without links. */
function namesOf(directory: string): string[] {
  try {
    return [...new Set([directory, fs.realpathSync(directory)])];
  } catch {
    // A directory that does not exist yet has only one name.
    return [directory];
  }
}

/** The path relative to a directory, with `/`; undefined if it is not inside. */
function below(file: string, directory: string): string | undefined {
  if (file === directory) return '';
  const start = directory.endsWith(path.sep) ? directory : directory + path.sep;
  return file.startsWith(start) ? file.slice(start.length).replaceAll(path.sep, '/') : undefined;
}

function named(name: string, inside: string): string {
  return inside === '' ? `{${name}}` : `{${name}}/${inside}`;
}

function isClimbing(file: string): boolean {
  return /[/\\]\.\.(?:[/\\]|$)/.test(file);
}

/** Includes files that are not executable: they may become so. */
function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}
