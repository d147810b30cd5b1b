// Locks whose makers meet somebody who takes them for stale, and removes them the moment they are there.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { withLock } from '../../../src/cache/sqlite/exclusive.ts';
import { lockPath, tryLock } from '../../../src/coordinator/locks.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** Removes a lock whenever there is one, in another thread, until the test ends. Resolves once it does. */
async function removeAgainAndAgain(t: ExecutionContext, lock: string): Promise<{ removed(): number }> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const remover = new Worker(
    `const { rmdirSync } = require('node:fs');
     const { lock, state } = require('node:worker_threads').workerData;
     while (Atomics.load(state, 0) === 0) {
       try { rmdirSync(lock); Atomics.add(state, 1, 1); } catch (error) { if (error.code !== 'ENOENT') throw error; }
     }`,
    { eval: true, workerData: { lock, state } },
  );
  t.teardown(async () => {
    Atomics.store(state, 0, 1);
    await remover.terminate();
  });
  while (Atomics.load(state, 1) === 0) {
    mkdirSync(lock, { recursive: true });
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  return { removed: () => Atomics.load(state, 1) };
}

test.serial('the work is done all the same, once for each time it was asked for', async t => {
  const lock = path.join(await temporaryDirectory(t), 'cache.db.lock');
  const { removed } = await removeAgainAndAgain(t, lock);
  let done = 0;
  for (let time = 1; time <= 200; time++)
    t.is(
      withLock(lock, () => ++done),
      time,
    );
  t.true(removed() > 100);
});

test.serial('a lease’s lock is taken, or was by somebody else', async t => {
  const directory = path.join(await temporaryDirectory(t), 'locks');
  mkdirSync(directory);
  const { removed } = await removeAgainAndAgain(t, lockPath(directory, 'key'));
  while (removed() < 10) {
    const lock = await tryLock(directory, 'key');
    if (lock !== 'taken') await lock.release();
  }
  t.pass();
});

test('an error of the work is thrown, whatever it looks like', async t => {
  const lock = path.join(await temporaryDirectory(t), 'cache.db.lock');
  const error = Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'rename' });
  t.is(
    t.throws(() =>
      withLock(lock, () => {
        throw error;
      }),
    ),
    error,
  );
  t.is(
    withLock(lock, () => 'free again'),
    'free again',
  );
});

test('without a directory for it there is no lock', async t => {
  const lock = path.join(await temporaryDirectory(t), 'nowhere', 'cache.db.lock');
  t.throws(() => withLock(lock, () => t.fail()), { code: 'ENOENT' });
});
