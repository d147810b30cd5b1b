// Where a path that a build wrote down is on this machine, and who answers for what is there.
import path from 'node:path';
import { isInside, resolveReal } from '../../../system/paths.ts';

/** A directory that the build saw under another path: a copy that it was given, or a mount of its container. */
export interface SeenDirectory {
  /** The path that the build saw. Absolute. */
  seen: string;
  /** The directory on this machine that it stands for. Absolute. */
  here: string;
}

/** What was used of the compiler, all of it outside of the build. Absolute paths. */
export interface UsedTools {
  /** Programs, libraries and the like. */
  files: readonly string[];
  /** Where one of them would have been found first. */
  absent: readonly string[];
  /** Directories in which it looks for headers by itself. */
  headers: readonly string[];
  /** Directories of its own headers, which ask for nothing of the user's. */
  own: readonly string[];
  /** The compiler itself. Default: not known. */
  compiler?: string;
  /** Which of `absent` are there because the compiler's name is looked up in PATH. Default: none. */
  inPath?: readonly string[];
  /**
   * Programs that the toolchain's identity tells by their content, wherever they are: one of them is not an input, under
   * any name. Default: none.
   */
  identified?: readonly string[];
}

/**
 * Who answers for a file: `build` and `project` are known by other means and are no inputs; `config` is the user's own;
 * `elsewhere` is everything else.
 */
export type PathKind = 'build' | 'project' | 'config' | 'elsewhere';

/** Directories are absolute and, but for `seen`, as they are on this machine. */
export interface ObserveOptions {
  /** The build directory of a build that succeeded. */
  buildDirectory: string;
  /** The directory with `build.yaml`. */
  configDirectory: string;
  /** The west workspace. */
  workspace: string;
  /** The workspace's projects: what is in them is known by their revisions and is no input. Default: the whole workspace. */
  projects?: readonly string[];
  /** Directories that the build saw under other paths. Default: none. */
  seen?: readonly SeenDirectory[];
  /** Directories that a build may write to and never reads, such as the one where firmware goes. Default: none. */
  outputs?: readonly string[];
  /** What is known of the compiler by other means. Default: nothing. */
  tools?: UsedTools;
  /** Whether paths outside of `seen` are not on this machine at all, as in a container. Default: false. */
  isolated?: boolean;
}

/** The first of the characters that Unicode leaves to whoever wants them. */
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
    // Of two names for one directory the given one is used, so that paths can be compared.
    const given = all.map(({ here }): [string, string] => [resolveReal(here), path.resolve(here)]);
    const named = (directory: string, pathKind: PathKind): [string, PathKind][] =>
      [...new Set([directory, resolveReal(directory)])].map(name => [name, pathKind]);
    // Of two that have the same directory the config comes after the project.
    this.#kinds = [
      ...named(buildDirectory, 'build'),
      ...(options.projects ?? [workspace]).flatMap(project => named(project, 'project')),
      ...named(configDirectory, 'config'),
    ];
    // What is deepest says most.
    this.#renamed = [...renamed, ...given].sort(([one], [other]) => other.length - one.length);
  }

  /** The path on this machine, without `.` and `..`; undefined when it is none of this machine's. */
  toHost(seen: string): string | undefined {
    let file = path.resolve(seen);
    let known = !this.#options.isolated;
    // What a container has mounted may itself be a copy.
    for (let step = 0; step < 2; step++) {
      const renamed = this.#renamed.find(([from]) => isInside(file, from));
      if (!renamed) break;
      file = path.join(renamed[1], path.relative(renamed[0], file));
      known = true;
    }
    return known ? file : undefined;
  }

  /** The absolute paths in a text, as the build saw them. Those that are known may have blanks in them, and the like. */
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

  /** Whether what the build saw is not all that is there. */
  get isIsolated(): boolean {
    return this.#options.isolated ?? false;
  }

  /** Whether builds write there, and read nothing. */
  isOutput(directory: string): boolean {
    return (this.#options.outputs ?? []).some(output => isInside(directory, output));
  }

  /** Whether the config, the workspace or the build lies in a directory. */
  isAround(directory: string): boolean {
    const { buildDirectory, configDirectory, workspace } = this.#options;
    const around = path.resolve(directory);
    return [buildDirectory, configDirectory, workspace].some(place => isInside(place, around));
  }

  /** Whether something belongs to the compiler, whose files are known and raise no uncertainty. */
  isOfCompiler(file: string): boolean {
    return (this.#options.tools?.own ?? []).some(directory => isInside(file, directory));
  }

  /** Whether something is a program that is known by the toolchain's identity. */
  isIdentified(file: string): boolean {
    return this.#identified.size > 0 && this.#identified.has(resolveReal(file));
  }

  /** What a path of this machine belongs to: the owner of the deepest directory that it is in, by either of its names. */
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
