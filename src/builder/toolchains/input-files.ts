// Declared input files: the matches of a toolchain's input globs.
import { type readdir, realpath as realpathOf, stat } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from '../../system/paths.ts';
import { LinkedTree } from './linked-tree.ts';

export interface InputFilesOptions {
  /** The base of the globs. Absolute. */
  directory: string;
  globs: readonly string[];
  /** The output of builds: never an input. Absolute. */
  outputDirectory: string;
  /** Globs of other files that are not inputs, relative to `directory`. Default: none. */
  ignore?: readonly string[];
  /** Directories in which nothing is an input, under any name or link. Absolute. Default: none. */
  excluded?: readonly string[];
  /** Marker files that identify such a directory by their names. Default: none. */
  marks?: readonly string[];
}

/**
 * Absolute paths of the files, sorted. Names that begin with a dot count like others; `.git` and the output directory
 * never do. Links are followed wherever they lead, and the files behind them count under the linked names. Rejects with
 * `ToolchainError` if a link leads to too many files.
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
  // Otherwise a project that is its own output directory, or lies inside an excluded directory, would have no inputs.
  const around = closed.filter(other => !isInside(root, other));
  const tree = new LinkedTree({ isExcluded: real => around.some(other => isInside(real, other)), marks });
  // Loaded on demand: most cached builds need no list of files.
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

/** A `realpath` that resolves links to files, and only those links to directories that `follow` accepts. */
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
        // The link's own path with its parent resolved, so that it can be compared with the target.
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
