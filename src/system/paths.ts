// Paths: where one really leads, what is there, and what is below what.
import { realpathSync, type Stats, statSync } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import path from 'node:path';

/** The path without links; only without `..` when it does not exist. */
export function resolveReal(file: string): string {
  try {
    // The other one takes each `..` away before it looks at links.
    return realpathSync.native(file);
  } catch {
    return path.resolve(file);
  }
}

/** What a path leads to; undefined when it leads nowhere, around in a circle, or where this process may not look. */
export function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whether a path leads to anything. */
export async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** Whether anything has this name, be it a link that leads nowhere. */
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

/** Whether an absolute path is the directory or below it, by their names: links are not followed. */
export function isInside(file: string, directory: string): boolean {
  const relative = path.relative(directory, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
