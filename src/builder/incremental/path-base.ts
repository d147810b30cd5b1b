// How paths are written in what is stored, so that a checkout that moved, a second one, and one on another machine find it.
//
//   inside the config directory      config/corne.keymap
//   below a named place              {sdk:0.16.8}/arm-zephyr-eabi/lib/…   {repository}/shared/keys.h
//   in the system's own directories  {system}/usr/include/stdint.h
//   a program found by its name      {path}/dtc
//   all else                         absolute: it means something on this machine only
import fs from 'node:fs';
import path from 'node:path';
import * as walk from 'empathic/walk';

/** A directory that is in another place on each machine. Plain data. */
export interface NamedPlace {
  /** Without braces, such as `sdk:0.16.8`. */
  name: string;
  /** Absolute. Under each of its names, if links give it several. */
  directory: string;
  /**
   * Whether other things are in it as well, as in `/usr` or a home directory. Then only paths are named by it that the
   * toolchain has named so, and those that have `mark` in them. Default: false.
   */
  isShared?: boolean;
  /** See `isShared`. Default: none. */
  mark?: string;
}

/** Where the system's packages are, in the same place on every machine. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc', '/opt', '/nix/store'];

const SYSTEM_NAME = 'system';
const PROGRAM_NAME = 'path';
const REPOSITORY_NAME = 'repository';

export class PathBase {
  readonly #directory: string;
  readonly #roots: string[];
  /** The deepest first. */
  readonly #places: NamedPlace[];
  readonly #folders: readonly string[];

  /**
   * @param configDirectory absolute; paths that go through its real name are recognised as well
   * @param places directories that are elsewhere on other machines. Default: the repository of the config directory
   * @param folders where programs are looked for by their names. Default: nowhere
   */
  constructor(configDirectory: string, places: readonly NamedPlace[] = [], folders: readonly string[] = []) {
    this.#directory = configDirectory;
    this.#roots = namesOf(configDirectory);
    this.#folders = folders;
    const repository = walk.up(this.#roots.at(-1)!).find(above => fs.existsSync(path.join(above, '.git')));
    const own = repository === undefined ? [] : [{ name: REPOSITORY_NAME, directory: repository }];
    this.#places = [...places, ...own]
      .flatMap(place => namesOf(place.directory).map(directory => ({ ...place, directory })))
      // Of two that are the same directory the one that was given first.
      .sort((one, other) => other.directory.length - one.directory.length);
  }

  /**
   * As the table above says. A path with `..` in it stays as it is spelled: behind a link that is another place than the
   * path without it. What is written so already stays as it is.
   */
  toStored(file: string): string {
    if (file.startsWith('{')) return file;
    const plain = isClimbing(file) ? file : path.resolve(file);
    for (const root of this.#roots) {
      const inside = below(plain, root);
      // A name may begin like that of a place.
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

  /** The absolute path that {@link toStored} was given, on this machine; undefined when it has no such place. */
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

  /** A stored path for a person: the path on this machine where it is outside of the config directory. */
  shown(stored: string): string {
    return stored.startsWith('{') ? (this.fromStored(stored) ?? stored) : stored;
  }
}

/** The program that a name leads to, in the first of the folders that has it. */
export function programIn(folders: readonly string[], name: string): string | undefined {
  return folders.map(folder => path.join(folder, name)).find(isFile);
}

/** The stored path of whatever program a name leads to. */
export function programPath(name: string): string {
  return named(PROGRAM_NAME, name);
}

/** The stored path of a file in a shared place. See {@link NamedPlace}. Undefined when it is not in there. */
export function pathInPlace(file: string, { name, directory }: NamedPlace): string | undefined {
  for (const root of namesOf(directory)) {
    const inside = below(file, root);
    if (inside !== undefined) return named(name, inside);
  }
  return undefined;
}

/** Whether a stored path means something on this machine only. */
export function isOfThisMachine(stored: string): boolean {
  return path.isAbsolute(stored);
}

/** Whether a path is in the system's own directories, which are the same on every machine. */
export function isOfSystem(file: string): boolean {
  return SYSTEM.some(directory => below(path.resolve(file), directory) !== undefined);
}

/** The name that a directory was given, and the one without links. */
function namesOf(directory: string): string[] {
  try {
    return [...new Set([directory, fs.realpathSync(directory)])];
  } catch {
    // One that is not there yet has one name only.
    return [directory];
  }
}

/** What is left of a path below a directory, with `/`; undefined when it is not there. */
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

/** Also where it may not be run: one day it may. */
function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}
