// Path helpers: the real path, the kind of a file, the entries of a directory, containment.
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** The path with links resolved. A path that does not exist is only normalized. */
export function resolveReal(file: string): string {
  try {
    // `realpathSync` itself removes each `..` before it resolves links, which leads to another file.
    return realpathSync.native(file);
  } catch {
    return path.resolve(file);
  }
}

/** Stats of a path's target. Undefined when it is missing, a link cycle, or not accessible. */
export function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whether a path leads to anything, links followed. */
export async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** Whether a directory entry of this name exists, dangling links included. */
export async function hasEntry(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined)) !== undefined;
}

/** Whether a path leads to a directory. */
export async function isDirectory(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isDirectory() === true;
}

/** Whether a path leads to a regular file. */
export async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() === true;
}

/** The names of a directory's entries; none if it cannot be listed. */
export async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

/** As {@link namesIn}, at once. */
export function namesInNow(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Whether a path is absolute and certainly has no `.`, `..` or empty part. */
function isPlain(file: string): boolean {
  const isRooted = path.sep === '/' && file.startsWith('/') && !file.endsWith('/');
  return isRooted && !file.includes('/.') && !file.includes('//');
}

/** Whether an absolute path is `directory` or below it, by name: links are not followed. */
export function isInside(file: string, directory: string): boolean {
  // The usual case, in a tenth of the time: a build asks this many thousand times.
  if (isPlain(file) && isPlain(directory)) return file === directory || file.startsWith(`${directory}/`);
  const relative = path.relative(directory, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
