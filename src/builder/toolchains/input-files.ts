// The files that a toolchain's input globs stand for.
import { type readdir, realpath as realpathOf, stat } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from '../../system/paths.ts';
import { LinkedTree } from './linked-tree.ts';

export interface InputFilesOptions {
  /** Globs relative to it. Absolute. */
  directory: string;
  globs: readonly string[];
  /** What builds write: never an input. Absolute. */
  outputDirectory: string;
  /** Globs of what is no input either, relative to `directory`. Default: none. */
  ignore?: readonly string[];
  /** Directories in which nothing is an input, whatever name or link leads there. Absolute. Default: none. */
  excluded?: readonly string[];
  /** Files that tell such a directory by their names. Default: none. */
  marks?: readonly string[];
}

/**
 * Absolute paths of the files, sorted. Names that begin with a dot count like others; `.git` and the output directory
 * never do. Links are followed wherever they lead, and what is behind them counts under their names. Rejects with
 * `ToolchainError` when a link leads to more than can be read for each build.
 */
export async function inputFiles({
  directory,
  globs,
  outputDirectory,
  ignore = [],
  excluded = [],
  marks = [],
}: InputFilesOptions): Promise<string[]> {
  if (globs.length === 0) return [];
  const root = await realOr(directory);
  const closed = await Promise.all([outputDirectory, ...excluded].map(realOr));
  // A directory that is its own output, or lies in a project, would have no inputs.
  const around = closed.filter(other => !isInside(root, other));
  const tree = new LinkedTree({ isExcluded: real => around.some(other => isInside(real, other)), marks });
  // Most builds that find everything in the cache need no list of files.
  const { glob } = await import('tinyglobby');
  const files = await glob([...globs], {
    cwd: directory,
    absolute: true,
    dot: true,
    onlyFiles: true,
    ignore: ['**/.git', '**/.git/**', ...ignore],
    fs: { readdir: tree.readdir as typeof readdir },
  });
  tree.check();
  return [...new Set(files.map(file => path.normalize(file)))].sort();
}

/** A `realpath` that knows links to files, and those links to directories that `follow` agrees to. */
export function followOnly(follow: (link: string, target: string) => boolean): typeof realpathOf {
  const refuse = new Error('This link is not followed.');
  const limited = (
    link: string,
    callback: (error: NodeJS.ErrnoException | null, resolved: string) => void,
  ): void => {
    realpathOf(link, (error, target) => {
      if (error) return callback(error, target);
      stat(target, (statError, stats) => {
        if (statError) return callback(statError, target);
        if (stats.isFile()) return callback(null, target);
        if (!stats.isDirectory()) return callback(refuse, target);
        // The link's own name, with the links on the way to it resolved, so that the two can be compared.
        realpathOf(path.dirname(link), (parentError, parent) => {
          const followed = !parentError && follow(path.join(parent, path.basename(link)), target);
          callback(followed ? null : refuse, target);
        });
      });
    });
  };
  return Object.assign(limited, { native: realpathOf.native }) as typeof realpathOf;
}

async function realOr(file: string): Promise<string> {
  return realpath(file).catch(() => file);
}
