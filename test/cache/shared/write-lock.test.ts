// Write lock between the threads of one store, with real threads.
import test from 'ava';
import { LOCK_WORDS } from '../../../src/cache/shared/layout.ts';
import { SharedMemory } from '../../../src/cache/shared/shared-memory.ts';
import { WriteLock } from '../../../src/cache/shared/write-lock.ts';
import { startThreads } from '../../support/thread.ts';

const sharedWords = () => new Int32Array(new SharedArrayBuffer(4 * LOCK_WORDS));

test('one thread at a time holds the lock, and none waits for ever', async t => {
  const { buffers } = new SharedMemory();
  const shared = new SharedArrayBuffer(8);
  const threads = startThreads(t, 4);
  const counts = await Promise.all(
    threads.map(thread =>
      thread.run(
        async ({ SharedMemory }, buffers, shared) => {
          const { lock } = new SharedMemory(buffers);
          const plain = new Float64Array(shared);
          for (let round = 0; round < 2000; round++) {
            while (!lock.acquire(1000));
            // Neither access is atomic: a second thread in here would lose counts.
            const before = plain[0]!;
            for (let idle = 0; idle < 200; idle++) Math.sqrt(idle);
            plain[0] = before + 1;
            lock.release();
          }
          return plain[0];
        },
        buffers,
        shared,
      ),
    ),
  );
  t.is(Math.max(...(counts as number[])), 8000);
});

test('a starving waiter gets the lock before threads that acquire it again and again', async t => {
  const { buffers, lock } = new SharedMemory();
  const rounds = new Int32Array(new SharedArrayBuffer(4));
  const greedy = startThreads(t, 3).map(thread =>
    thread.run(
      async ({ SharedMemory }, buffers, rounds) => {
        const { lock } = new SharedMemory(buffers);
        for (;;) {
          lock.acquire(60_000);
          Atomics.add(rounds, 0, 1);
          Atomics.notify(rounds, 0);
          // Far longer than the gaps between acquisitions, so that luck alone would not do.
          const end = performance.now() + 3;
          while (performance.now() < end);
          lock.release();
        }
      },
      buffers,
      rounds,
    ),
  );
  for (const running of greedy) running.catch(() => undefined);
  await Atomics.waitAsync(rounds, 0, 0).value;
  for (let round = 0; round < 5; round++) {
    t.true(lock.acquire(60_000));
    lock.release();
  }
});

test('a wait ends at its timeout', t => {
  const words = sharedWords();
  const [holder, other] = [new WriteLock(words, 1), new WriteLock(words, 2)];
  t.true(holder.acquire(0));
  t.false(other.acquire(0));
  // Even for a waiter that has been starving.
  t.false(other.acquire(40));
  holder.release();
  t.true(other.acquire(0));
});

test('a waiter that timed out, or ended while it waited, blocks no other', async t => {
  const { buffers, lock } = new SharedMemory();
  t.true(lock.acquire(0));
  const [patient, dying] = startThreads(t, 2);
  const isWaiting = new Int32Array(new SharedArrayBuffer(4));
  const dead = dying!.run(
    async ({ SharedMemory, threads }, buffers, isWaiting) => {
      Atomics.store(isWaiting, 0, threads.threadId);
      Atomics.notify(isWaiting, 0);
      new SharedMemory(buffers).lock.acquire(60_000);
    },
    buffers,
    isWaiting,
  );
  dead.catch(() => undefined);
  await Atomics.waitAsync(isWaiting, 0, 0).value;
  t.false(
    await patient!.run(({ SharedMemory }, buffers) => new SharedMemory(buffers).lock.acquire(50), buffers),
  );
  await dying!.terminate();
  lock.releaseDead(Atomics.load(isWaiting, 0));
  const waiting = patient!.run(({ SharedMemory }, buffers) => {
    const { lock } = new SharedMemory(buffers);
    const isAcquired = lock.acquire(60_000);
    lock.release();
    return isAcquired;
  }, buffers);
  lock.release();
  t.true(await waiting);
  t.true(lock.acquire(1000));
});

test('the lock of an ended thread is free', t => {
  const words = sharedWords();
  const [dead, other] = [new WriteLock(words, 7), new WriteLock(words, 8)];
  dead.acquire(0);
  t.true(other.isHeld);
  t.true(other.isHeldBy(7));
  other.releaseDead(6);
  t.false(other.acquire(0));
  other.releaseDead(7);
  t.false(other.isHeld);
  t.true(other.acquire(0));
});
