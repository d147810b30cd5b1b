// Stale files: temporary files that processes could not remove before they died. One name format, one rule for when a
// file is stale, and one function that removes them.
//
//   <prefix><pid>-<host>-<uuid><suffix>      .glovebox-4711-9f86d081-….tmp
//
// A pid means nothing on another machine or in a container, so the name includes the host.
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namesInNow } from './paths.ts';
import { hasExited, processFilePrefix, processOfFile } from './process-identity.ts';
import { wallClock } from './time.ts';

/** Maximum age. Covers processes that cannot be checked, and pids that were reused. */
export const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/** A new unique name that identifies this process. */
export function temporaryName(prefix = '', suffix = ''): string {
  return `${prefix}${processFilePrefix()}-${randomUUID()}${suffix}`;
}

/**
 * Whether a file or directory is stale: its process has certainly exited, or it is older than {@link STALE_AFTER_MS}.
 *
 * @param name the name without its prefix, which begins with the process. A name without a process is judged by age
 * only
 * @param modifiedMs time of the last modification in milliseconds since the epoch
 */
export function isStale(name: string, modifiedMs: number): boolean {
  const owner = processOfFile(name);
  return (owner !== undefined && hasExited(owner)) || wallClock.now() - modifiedMs > STALE_AFTER_MS;
}

/** Selects the entries of a directory that {@link removeStale} checks. */
export interface StaleEntries {
  kind: 'file' | 'directory';
  /** Its first group is the part of the name that begins with the process. Default: the whole name. */
  pattern?: RegExp;
}

/**
 * Removes the stale entries of a directory and resolves to their paths. Links are left alone. Never rejects: an entry
 * that cannot be removed stays, and the next write there reports the reason.
 */
export async function removeStale(
  directory: string,
  { kind, pattern = /^(.*)$/s }: StaleEntries,
): Promise<string[]> {
  const removed: string[] = [];
  // Synchronous: on a busy machine, waiting for the thread pool to list a directory takes longer than a small build.
  for (const name of namesInNow(directory)) {
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
      // It belongs to another user, or another process removed it meanwhile.
    }
  }
  return removed;
}
