// The files that a toolchain's input globs stand for.
import { realpath as realpathOf, stat } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { escapePath, glob } from 'tinyglobby';

export interface InputFilesOptions {
  /** Globs relative to it. Absolute. */
  directory: string;
  globs: readonly string[];
  /** What builds write: never an input. Absolute. */
  outputDirectory: string;
  /** Globs of what is no input either, relative to `directory`. Default: none. */
  ignore?: readonly string[];
}

/**
 * Absolute paths of the files, sorted. Names that begin with a dot count like others; `.git` and the output directory
 * never do. A link to a file is that file's content under the link's name. A link to a directory is followed unless it
 * leads out of `directory`, to something around itself, or to the output: it could lead anywhere and never end.
 */
export async function inputFiles({
  directory,
  globs,
  outputDirectory,
  ignore = [],
}: InputFilesOptions): Promise<string[]> {
  if (globs.length === 0) return [];
  const [root, output] = await Promise.all([realOr(directory), realOr(outputDirectory)]);
  const follow = (link: string, target: string) =>
    isInside(target, root) &&
    !isInside(link, target) &&
    !isInside(output, target) &&
    !isInside(target, output);
  const relativeOutput = path.relative(directory, outputDirectory).replaceAll(path.sep, '/');
  const files = await glob([...globs], {
    cwd: directory,
    absolute: true,
    dot: true,
    onlyFiles: true,
    followSymbolicLinks: true,
    ignore: [
      '**/.git',
      '**/.git/**',
      ...ignore,
      // A config directory that is its own output directory would have no inputs.
      ...(relativeOutput === '' || relativeOutput.startsWith('..')
        ? []
        : [`${escapePath(relativeOutput)}/**`]),
    ],
    fs: { realpath: followOnly(follow) },
  });
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

/** Whether a path is the directory or below it. */
export function isInside(file: string, directory: string): boolean {
  const relative = path.relative(directory, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

async function realOr(file: string): Promise<string> {
  return realpath(file).catch(() => file);
}
