// Final check of a chaos run, when every process has ended: every key is read once more, and the files are inspected.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cache } from '../../src/cache/cache.ts';
import { LOCK_STALE_MS } from '../../src/cache/coordinator/locks.ts';
import { connect } from '../../src/cache/storage/sqlite/connection.ts';
import { DATABASE_FILE } from '../../src/cache/storage/sqlite/store.ts';
import { createDefaultCache, resetSharedCacheInstances } from '../../src/index.ts';
import type { Checker } from './checker.ts';
import { Client } from './client.ts';
import { type Line, now } from './log-lines.ts';
import { allKeys, TAGS } from './schedule.ts';
import type { Report } from './violation.ts';

/** Reads every key in this process, and passes the results to the checker. */
export async function readEverything(directory: string, checker: Checker): Promise<void> {
  const writer = 'aftermath/main';
  const part = { cacheRoot: join(directory, 'cache'), scratch: join(directory, 'scratch'), writer };
  const client = new Client(part, (line: Line) => checker.line(writer, line));
  for (const tag of Object.keys(TAGS)) {
    await client.ask({ op: 'check', tag });
    await client.ask({ op: 'getMany', tag, keys: allKeys(tag) });
    await client.ask({ op: 'entries', tag, prefix: '', keys: allKeys(tag) });
    await client.ask({ op: 'stats', tag });
  }
  checker.ended('aftermath', now());
}

/** Verifies databases, blobs, limits, and that no garbage is left. */
export async function inspectFiles(cacheRoot: string, report: Report): Promise<void> {
  for (const [tag, options] of Object.entries(TAGS)) {
    const directory = join(cacheRoot, tag);
    inspectDatabase(directory, report);
    const cache = createDefaultCache({ ...options, tag, cacheRoot });
    await cache.check();
    await untilLocksAreStale(directory);
    await untilLocksAreStale(join(directory, 'locks'));
    await cache.cleanup();
    await inspectAgreement(cache, report);
    if (options.policy !== 'none') await inspectSize(cache, report);
  }
  await resetSharedCacheInstances();
  for (const tag of Object.keys(TAGS)) await inspectLeftovers(join(cacheRoot, tag), report);
}

/** Whether SQLite finds the database of a tag's directory sound. */
export function inspectDatabase(directory: string, report: Report): void {
  const database = connect(join(directory, DATABASE_FILE), { readonly: true, timeout: 5000 });
  try {
    const messages = database.pragma('integrity_check') as { integrity_check: string }[];
    for (const { integrity_check: message } of messages) {
      if (message !== 'ok') report('integrity', directory, message);
    }
  } catch (error) {
    // Too damaged to be checked.
    report('integrity', directory, String(error));
  } finally {
    database.close();
  }
}

/** Whether entries, blobs and totals agree, once `check()` has repaired the leftovers of killed processes. */
export async function inspectAgreement(cache: Cache, report: Report): Promise<void> {
  const { problems } = await cache.check({ repair: false });
  for (const { kind, subject, message } of problems) {
    report('disagreement', `${cache.tag} ${subject}`, `a second check() found ${kind}: ${message}`);
  }
}

/** Whether a cache keeps to its limit, once `cleanup()` has run. */
export async function inspectSize(cache: Cache, report: Report): Promise<void> {
  const { size, maxSize } = await cache.stats();
  if (size > maxSize) report('over-limit', cache.tag, `${size} bytes after cleanup(), more than ${maxSize}`);
}

/** Resolves when every lock that is left in the directory is old enough to be stale. */
export async function untilLocksAreStale(directory: string): Promise<void> {
  let youngest = 0;
  for (const name of (await list(directory)).filter(isLock)) {
    youngest = Math.max(youngest, (await stat(join(directory, name))).mtimeMs);
  }
  const left = youngest + LOCK_STALE_MS - Date.now();
  if (left > 0) await pause(left + 100);
}

/** Files in a tag's directory that should not exist, once their owners are dead and `cleanup()` has run. */
export async function inspectLeftovers(directory: string, report: Report): Promise<void> {
  for (const parent of [directory, join(directory, 'locks')]) {
    for (const name of (await list(parent)).filter(isLock)) {
      report('leftover-lock', join(parent, name), 'is there after cleanup() though its owner is dead');
    }
  }
  for (const name of await list(join(directory, 'blobs', 'tmp'))) {
    report('leftover-temporary', join(directory, 'blobs', 'tmp', name), 'is there after cleanup()');
  }
  for (const name of await list(directory)) {
    if (name.includes('.damaged-')) report('set-aside', join(directory, name), 'a database was set aside');
  }
}

const isLock = (name: string) => name.endsWith('.lock');

async function list(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
