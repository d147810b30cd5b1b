// Where a path that a build wrote down is on this machine, and who answers for what is there.
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../input-files.ts';

/** A directory that the build saw under another path: a copy that it was given, or a mount of its container. */
export interface SeenDirectory {
  /** The path that the build saw. Absolute. */
  seen: string;
  /** The directory on this machine that it stands for. Absolute. */
  here: string;
}

/**
 * Who answers for a file: `build` and `project` are known by other means and are no inputs; `config` is the user's own;
 * `elsewhere` is everything else.
 */
export type Owner = 'build' | 'project' | 'config' | 'elsewhere';

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
  /** Whether paths outside of `seen` are not on this machine at all, as in a container. Default: false. */
  isolated?: boolean;
}

export class Places {
  readonly #options: ObserveOptions;
  readonly #renamed: [from: string, to: string][];

  constructor(options: ObserveOptions) {
    this.#options = options;
    const { buildDirectory, configDirectory, workspace, seen = [], isolated = false } = options;
    const own = isolated ? [] : [buildDirectory, configDirectory, workspace];
    const all = [...seen, ...own.map(directory => ({ seen: directory, here: directory }))];
    const renamed = all.flatMap(({ seen: from, here: to }): [string, string][] => [
      [path.resolve(from), path.resolve(to)],
      [real(from), path.resolve(to)],
    ]);
    // Of two names for one directory the given one is used, so that paths can be compared.
    const given = all.map(({ here }): [string, string] => [real(here), path.resolve(here)]);
    // What is deepest says most.
    this.#renamed = [...renamed, ...given].sort(([one], [other]) => other.length - one.length);
  }

  /** The path on this machine, without `.` and `..`; undefined when it is none of this machine's. */
  here(seen: string): string | undefined {
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

  /** Who answers for a path of this machine: whoever has the deepest directory that it is in. */
  owner(file: string): Owner {
    const { buildDirectory, configDirectory, workspace, projects = [workspace] } = this.#options;
    if (isInside(file, buildDirectory)) return 'build';
    const depths = projects.filter(project => isInside(file, project)).map(project => project.length);
    const project = Math.max(-1, ...depths);
    if (isInside(file, configDirectory) && configDirectory.length >= project) return 'config';
    return project >= 0 ? 'project' : 'elsewhere';
  }
}

/** The path without links, as far as it exists. */
export function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
