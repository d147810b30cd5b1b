// Stale files: what processes made for a while, and died before they could remove. One way to name them, one rule for when
// they go, and one function that removes them.
//
//   <prefix><pid>-<host>-<uuid><suffix>      .glovebox-4711-9f86d081-….tmp
//
// A process number means nothing on another machine or in a container, so the name says where it was given.
import { randomUUID } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasExited, processFilePrefix, processOfFile } from './process-identity.ts';
import { wallClock } from './time.ts';

/** Whatever is this old is nobody's, also when its process cannot be asked about, or another one has got its number. */
export const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/** A name that nothing has yet, which tells that it is this process's. */
export function temporaryName(prefix = '', suffix = ''): string {
  return `${prefix}${processFilePrefix()}-${randomUUID()}${suffix}`;
}

/**
 * Whether a file or directory is left over: its process is certainly gone, or it is older than {@link STALE_AFTER_MS}.
 *
 * @param name the part that begins with the process: a name without its prefix. One that names no process tells nothing
 * @param modifiedMs when it was last modified, in milliseconds since the epoch
 */
export function isStale(name: string, modifiedMs: number): boolean {
  const owner = processOfFile(name);
  return (owner !== undefined && hasExited(owner)) || wallClock.now() - modifiedMs > STALE_AFTER_MS;
}

/** Which entries of a directory {@link removeStale} looks at. */
export interface StaleEntries {
  kind: 'file' | 'directory';
  /** Matches a name; its first group is the part that begins with the process. Default: any name, whole. */
  pattern?: RegExp;
}

/**
 * Removes the stale entries of a directory and resolves to their paths. Links are left alone. Never rejects: what cannot be
 * removed stays, and those who want to write there are told what is wrong with it.
 */
export async function removeStale(
  directory: string,
  { kind, pattern = /^(.*)$/s }: StaleEntries,
): Promise<string[]> {
  const removed: string[] = [];
  // At once: on a busy machine, waiting for another thread to list a directory takes longer than a small build.
  for (const name of namesIn(directory)) {
    const own = pattern.exec(name)?.[1];
    if (own === undefined) continue;
    const place = join(directory, name);
    try {
      const stats = lstatSync(place);
      const isOfKind = kind === 'file' ? stats.isFile() : stats.isDirectory();
      if (!isOfKind || !isStale(own, stats.mtimeMs)) continue;
      await rm(place, { recursive: kind === 'directory', force: true });
      removed.push(place);
    } catch {
      // Somebody else's, or removed by another process meanwhile.
    }
  }
  return removed;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
