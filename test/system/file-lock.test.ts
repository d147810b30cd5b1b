// File locks that another process considers stale, and removes the moment they are created.
import fs, { mkdirSync, rmdirSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import test from 'ava';
import { tryLock } from '../../src/cache/coordinator/locks.ts';
import { withFileLock } from '../../src/system/file-lock.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The library's own file system functions. */
const lockfileFs = createRequire(createRequire(import.meta.url).resolve('proper-lockfile'))(
  'graceful-fs',
) as typeof fs;

test.serial('the work waits for another chance, and is done once', async t => {
  const lock = path.join(await temporaryDirectory(t), 'cache.db.lock');
  const original = lockfileFs.mkdirSync;
  t.teardown(() => {
    lockfileFs.mkdirSync = original;
  });
  let removals = 0;
  lockfileFs.mkdirSync = ((place: string) => {
    original(place);
    if (removals++ < 3) rmdirSync(place);
  }) as typeof original;
  let done = 0;
  t.is(
    withFileLock(lock, () => ++done),
    1,
  );
  t.is(removals, 4);
});

test.serial("a lease's lock counts as taken by another process, and can be acquired afterwards", async t => {
  const directory = path.join(await temporaryDirectory(t), 'locks');
  mkdirSync(directory);
  const original = fs.mkdir;
  const restore = () => {
    fs.mkdir = original;
    syncBuiltinESMExports();
  };
  t.teardown(restore);
  fs.mkdir = ((place: string, made: (error: Error | null) => void) =>
    original(place, error => {
      if (!error) rmdirSync(place);
      made(error);
    })) as typeof original;
  syncBuiltinESMExports();
  t.is(await tryLock(directory, 'key'), 'taken');
  restore();
  const lock = await tryLock(directory, 'key');
  if (lock === 'taken') return t.fail();
  t.true(lock.isHeld);
  await lock.release();
});

test.serial('an error of the work is rethrown, whatever it looks like', async t => {
  const lock = path.join(await temporaryDirectory(t), 'cache.db.lock');
  const error = Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'rename' });
  const fail = () => {
    throw error;
  };
  t.is(
    t.throws(() => withFileLock(lock, fail)),
    error,
  );
  t.is(
    withFileLock(lock, () => 'free again'),
    'free again',
  );
});

test.serial('without its directory a lock cannot be acquired', async t => {
  const lock = path.join(await temporaryDirectory(t), 'nowhere', 'cache.db.lock');
  t.throws(() => withFileLock(lock, () => t.fail()), { code: 'ENOENT' });
});
