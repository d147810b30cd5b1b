// Locks that another process has taken over: neither a dead holder's record nor a late holder removes them.
import { existsSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { breakLock, LOCK_STALE_MS, lockPath, tryLock } from '../../../src/cache/coordinator/locks.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { currentProcessId } from '../../../src/system/process-identity.ts';
import { performance } from '../../../src/system/time.ts';
import { eventually } from '../../support/eventually.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';

async function locks(t: ExecutionContext): Promise<string> {
  return join(await temporaryRoot(t), 'locks');
}

test.serial('the lock of a dead holder is broken, a newer one is not', async t => {
  const directory = await locks(t);
  const lock = await tryLock(directory, 'key');
  if (lock === 'taken') throw new Error('No other process has it.');
  t.true(lock.createdAt > 0);
  await breakLock(directory, 'key', lock.createdAt - 1);
  t.is(await tryLock(directory, 'key'), 'taken');
  await breakLock(directory, 'key', 0);
  t.is(await tryLock(directory, 'key'), 'taken', 'nor for a lease that had no lock');
  await breakLock(directory, 'key', lock.createdAt);
  const next = await tryLock(directory, 'key');
  t.not(next, 'taken');
  if (next !== 'taken') await next.release();
});

test.serial('a holder that releases a lock that was taken over leaves it in place', async t => {
  const directory = await locks(t);
  const lock = await tryLock(directory, 'key');
  if (lock === 'taken') throw new Error('No other process has it.');
  const path = lockPath(directory, 'key');
  // As another process does when it finds the lock stale. Locks are distinguished by the millisecond.
  while (Date.now() <= lock.createdAt + 1);
  await rm(path, { recursive: true });
  await mkdir(path);
  await lock.release();
  t.is(await tryLock(directory, 'key'), 'taken');
});

test.serial(
  'a process that took over the stale lock of a dead one keeps it, before its own record is in the store',
  async t => {
    const root = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
    await cache.set('other', 1);
    const directory = join(root, 'a', 'locks');
    // The record of a process that was killed long ago. Its stale lock was removed, and another process holds the lock
    // now.
    const database = new Database(join(root, 'a', 'cache.db'));
    database
      .prepare('INSERT INTO leases VALUES (?, ?, ?, ?, ?)')
      .run('key', 'token', 2 ** 22 + 1, currentProcessId().host, Date.now() - 60_000);
    database.close();
    const lock = await tryLock(directory, 'key');
    if (lock === 'taken') throw new Error('No other process has it.');
    let produced = false;
    const waiting = cache.getOrSet('key', () => {
      produced = true;
      return 'second';
    });
    await new Promise(resolve => setTimeout(resolve, 300));
    t.false(produced);
    await lock.release();
    t.is(await waiting, 'second');
  },
);

test.serial(
  'after another process removed a lock by mistake, its holder is still the only producer',
  async t => {
    const root = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
    await cache.set('other', 1);
    const first = startProcess(
      t,
      async ({ createDefaultCache, fs }, root) => {
        const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
        return cache.getOrSet('key', async () => {
          fs.writeFileSync(`${root}/producing`, '');
          while (!fs.existsSync(`${root}/go`)) await new Promise(resolve => setTimeout(resolve, 10));
          return 'first';
        });
      },
      [root],
    );
    await eventually(() => existsSync(join(root, 'producing')));
    // As a process does that found the earlier, stale lock at the same moment.
    await rm(lockPath(join(root, 'a', 'locks'), 'key'), { recursive: true });
    let produced = false;
    const second = cache.getOrSet('key', () => {
      produced = true;
      return 'second';
    });
    await new Promise(resolve => setTimeout(resolve, 300));
    t.false(produced);
    await writeFile(join(root, 'go'), '');
    t.is(await first.result(), 'first');
    t.is(await second, 'first');
  },
);

test.serial('a lock without a heartbeat is not held any more, even before that is noticed', async t => {
  const directory = await locks(t);
  const lock = await tryLock(directory, 'key');
  if (lock === 'taken') throw new Error('No other process has it.');
  t.true(lock.isHeld);
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  const stopped = LOCK_STALE_MS;
  performance.now = () => now() + stopped;
  t.false(lock.isHeld);
  performance.now = now;
  await utimes(lockPath(directory, 'key'), new Date(), new Date());
  await lock.release();
});
