// Map from paths in a build's records to paths on this machine, and to their owners.
import path from 'node:path';
import { isInside, resolveReal } from '../../../system/paths.ts';

/** A directory with another path in the build: a copy that the build was given, or a mount of its container. */
export interface SeenDirectory {
  /** The path in the build. Absolute. */
  seen: string;
  /** The directory on this machine. Absolute. */
  here: string;
}

/** The files of the compiler that were used, all outside the build. Absolute paths. */
export interface UsedTools {
  /** Programs, libraries and the like. */
  files: readonly string[];
  /** Paths at which one of them would have been found first. */
  absent: readonly string[];
  /** Its built-in header directories. */
  headers: readonly string[];
  /** Directories of its own headers, which include none of the user's files. */
  own: readonly string[];
  /** The compiler itself. Default: unknown. */
  compiler?: string;
  /** The paths in `absent` that come from looking up the compiler in PATH. Default: none. */
  inPath?: readonly string[];
  /** Programs whose content is part of the toolchain's identity. They are not inputs, under any name. Default: none. */
  identified?: readonly string[];
}

/**
 * Owner of a path. `build` and `project` are identified by other means and are not inputs; `config` is the user's own;
 * `elsewhere` is everything else.
 */
export type PathKind = 'build' | 'project' | 'config' | 'elsewhere';

/** Directories are absolute and, except for `seen`, paths of this machine. */
export interface ObserveOptions {
  /** The build directory of a build that succeeded. */
  buildDirectory: string;
  /** The directory with `build.yaml`. */
  configDirectory: string;
  /** The west workspace. */
  workspace: string;
  /**
   * The workspace's projects. Their files are identified by revision and are not inputs. Default: the whole workspace.
   */
  projects?: readonly string[];
  /** Directories that have other paths in the build. Default: none. */
  seen?: readonly SeenDirectory[];
  /** Directories that a build may write to and never reads, such as the output directory. Default: none. */
  outputs?: readonly string[];
  /** Facts about the compiler from other sources. Default: none. */
  tools?: UsedTools;
  /** Whether paths outside of `seen` do not exist on this machine, as in a container. Default: false. */
  isolated?: boolean;
}

/** The first character of Unicode's private use area. */
const PRIVATE = 0xe000;

export class PathMap {
  readonly #options: ObserveOptions;
  readonly #renamed: [from: string, to: string][];
  readonly #kinds: [directory: string, kind: PathKind][];
  /** Without links. */
  readonly #identified: ReadonlySet<string>;

  constructor(options: ObserveOptions) {
    this.#options = options;
    this.#identified = new Set(options.tools?.identified?.map(resolveReal));
    const { buildDirectory, configDirectory, workspace, seen = [], isolated = false } = options;
    const own = isolated ? [] : [buildDirectory, configDirectory, workspace];
    const all = [...seen, ...own.map(directory => ({ seen: directory, here: directory }))];
    const renamed = all.flatMap(({ seen: from, here: to }): [string, string][] => [
      [path.resolve(from), path.resolve(to)],
      [resolveReal(from), path.resolve(to)],
    ]);
    // Of two names for one directory, the given one is used, so that paths can be compared.
    const given = all.map(({ here }): [string, string] => [resolveReal(here), path.resolve(here)]);
    const named = (directory: string, pathKind: PathKind): [string, PathKind][] =>
      [...new Set([directory, resolveReal(directory)])].map(name => [name, pathKind]);
    // If two have the same directory, the config comes after the project.
    this.#kinds = [
      ...named(buildDirectory, 'build'),
      ...(options.projects ?? [workspace]).flatMap(project => named(project, 'project')),
      ...named(configDirectory, 'config'),
    ];
    // The deepest directory wins.
    this.#renamed = [...renamed, ...given].sort(([one], [other]) => other.length - one.length);
  }

  /** The path on this machine, without `.` and `..`; undefined if it does not exist on this machine. */
  toHost(seen: string): string | undefined {
    let file = path.resolve(seen);
    let known = !this.#options.isolated;
    // A mount of a container may itself be a copy.
    for (let step = 0; step < 2; step++) {
      const renamed = this.#renamed.find(([from]) => isInside(file, from));
      if (!renamed) break;
      file = path.join(renamed[1], path.relative(renamed[0], file));
      known = true;
    }
    return known ? file : undefined;
  }

  /** The absolute paths in a text, as the build saw them. Known paths may contain blanks and the like. */
  pathsIn(text: string): string[] {
    const code = (character: string) => String.fromCharCode(PRIVATE + character.charCodeAt(0));
    const plain = (character: string) => String.fromCharCode(character.charCodeAt(0) - PRIVATE);
    const parting = this.#renamed.map(([from]) => from).filter(from => /[\s;:"',[\]()]/.test(from));
    const joined = parting.reduce(
      (known, from) => known.replaceAll(from, from.replaceAll(/[\s;:"',[\]()]/g, code)),
      text,
    );
    const found = joined.matchAll(/\/[^\s;:"',[\]()]+/g);
    return [...found].map(([file]) => file.replaceAll(/[\uE000-\uE0FF]/g, plain));
  }

  /** Whether the build saw only a part of this machine's files. */
  get isIsolated(): boolean {
    return this.#options.isolated ?? false;
  }

  /** Whether builds only write to a directory. */
  isOutput(directory: string): boolean {
    return (this.#options.outputs ?? []).some(output => isInside(directory, output));
  }

  /** Whether a directory contains the config, the workspace or the build. */
  isAround(directory: string): boolean {
    const { buildDirectory, configDirectory, workspace } = this.#options;
    const around = path.resolve(directory);
    return [buildDirectory, configDirectory, workspace].some(place => isInside(place, around));
  }

  /** Whether a file belongs to the compiler, whose files are known and cause no uncertainty. */
  isOfCompiler(file: string): boolean {
    return (this.#options.tools?.own ?? []).some(directory => isInside(file, directory));
  }

  /** Whether a file is a program that the toolchain's identity covers. */
  isIdentified(file: string): boolean {
    return this.#identified.size > 0 && this.#identified.has(resolveReal(file));
  }

  /** The owner of a path on this machine: that of the deepest directory around it, under either of its names. */
  classify(file: string): PathKind {
    let pathKind: PathKind = 'elsewhere';
    let depth = -1;
    for (const [directory, candidate] of this.#kinds) {
      if (directory.length < depth || !isInside(file, directory)) continue;
      if (candidate === 'build') return 'build';
      pathKind = candidate;
      depth = directory.length;
    }
    return pathKind;
  }
}
