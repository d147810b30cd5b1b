// Damaged databases that a cache has set aside: kept for whoever wants to look at them, and nobody else's to remove.
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTag } from '../cache/keys.ts';

/** What was set aside at one time: the database and its log. */
export interface QuarantinedDatabase {
  /** Of the cache it belonged to. */
  tag: string;
  /** Absolute path of the database; its log has the same name and `-wal` and such behind it. */
  file: string;
  /** Bytes, the log included. */
  size: number;
  /** When it was set aside, in milliseconds since the epoch. */
  date: number;
}

/** Milliseconds after which `cache cleanup` removes what was set aside. */
export const QUARANTINE_MAX_AGE_MS = 30 * 24 * 60 * 60 * 1000;

const NAME = /^(cache\.db\.damaged-(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)-(\d{3})Z)/;

/** What was set aside in `root`, or there by the cache of one tag; the oldest first. */
export async function findQuarantined(root: string, onlyTag?: string): Promise<QuarantinedDatabase[]> {
  const found = new Map<string, QuarantinedDatabase>();
  for (const tag of await names(root)) {
    if (!isTag(tag) || (onlyTag !== undefined && tag !== onlyTag)) continue;
    // A link to a directory is no cache's own.
    if (!(await lstat(join(root, tag)).catch(() => undefined))?.isDirectory()) continue;
    for (const name of await names(join(root, tag))) {
      const [, base, day, hours, minutes, seconds, milliseconds] = NAME.exec(name) ?? [];
      if (base === undefined) continue;
      const stats = await lstat(join(root, tag, name)).catch(() => undefined);
      if (!stats?.isFile()) continue;
      const file = join(root, tag, base);
      const date = Date.parse(`${day}${hours}:${minutes}:${seconds}.${milliseconds}Z`) || stats.mtimeMs;
      const known = found.get(file) ?? { tag, file, size: 0, date };
      found.set(file, { ...known, size: known.size + stats.size });
    }
  }
  return [...found.values()].sort((a, b) => a.date - b.date);
}

/** Removes what was set aside at one time, the log included. */
export async function removeQuarantined(root: string, { tag, file }: QuarantinedDatabase): Promise<void> {
  for (const name of await names(join(root, tag))) {
    const path = join(root, tag, name);
    if (path.startsWith(file)) await rm(path, { force: true });
  }
}

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
