// Quarantined databases: damaged files, put beside the new ones under another name. Kept for diagnosis, and removed only on request or
// after a time.
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTag } from '../../../cache/keys.ts';

/** One quarantined database with its log. */
export interface QuarantinedDatabase {
  /** Tag of its cache. */
  tag: string;
  /** Absolute path of the database. Its log has the same name with a suffix such as `-wal`. */
  file: string;
  /** Size in bytes, including the log. */
  size: number;
  /** Time of the quarantine in milliseconds since the epoch. */
  date: number;
}

/** Age after which `cache cleanup` removes a quarantined database. */
export const QUARANTINE_MAX_AGE_MS = 30 * 24 * 60 * 60 * 1000;

const NAME = /^(cache\.db\.damaged-(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)-(\d{3})Z)/;

/** The quarantined databases in `root`, of all tags or one, oldest first. */
export async function findQuarantined(root: string, onlyTag?: string): Promise<QuarantinedDatabase[]> {
  const found = new Map<string, QuarantinedDatabase>();
  for (const tag of await names(root)) {
    if (!isTag(tag) || (onlyTag !== undefined && tag !== onlyTag)) continue;
    // A link to a directory does not belong to a cache.
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

/** Removes a quarantined database and its log. */
export async function removeQuarantined(root: string, { tag, file }: QuarantinedDatabase): Promise<void> {
  for (const name of await names(join(root, tag))) {
    const path = join(root, tag, name);
    if (path.startsWith(file)) await rm(path, { force: true });
  }
}

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
