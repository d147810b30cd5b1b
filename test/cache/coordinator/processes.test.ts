// Several processes on one cache root.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LOCK_STALE_MS } from '../../../src/cache/coordinator/locks.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { wallClock } from '../../../src/system/time.ts';
import { eventually } from '../../support/eventually.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';

test.serial('increments of several processes add up', async t => {
  const cacheRoot = await temporaryRoot(t);
  const processes = Array.from({ length: 3 }, () =>
    startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        for (let round = 0; round < 40; round++) {
          await Promise.all([
            cache.increment('count'),
            cache.increment('count'),
            cache.set(`${process.pid}`, round),
          ]);
        }
        return cache.get(`${process.pid}`);
      },
      [cacheRoot],
    ),
  );
  const cache = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0 });
  for (let round = 0; round < 40; round++) await cache.increment('count');
  t.deepEqual(await Promise.all(processes.map(one => one.result())), [39, 39, 39]);
  t.is(await cache.get('count'), 280);
  t.deepEqual((await cache.check()).problems, []);
});

test.serial(
  'a producer learns that another process has taken over, and its caller gets the value of that one',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const slow = startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        let held: [boolean, boolean] | undefined;
        const value = await cache.getOrSet('key', async ({ signal, isStillHeld }) => {
          const before = await isStillHeld();
          const lost = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
          // The signal alone keeps no process alive.
          const running = setInterval(() => undefined, 60_000);
          await cache.set('is producing', true);
          await lost;
          clearInterval(running);
          held = [before, await isStillHeld()];
          throw signal.reason;
        });
        return { value, held };
      },
      [cacheRoot],
    );
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    await eventually(
      () => cache.get<boolean>('is producing').then(Boolean),
      () => 'the producer has not begun',
    );
    t.is(await cache.getOrSet('key', () => 'by the other', { wait: '20ms' }), 'by the other');
    t.deepEqual(await slow.result(), { value: 'by the other', held: [true, false] });
  },
);

test.serial('of processes that request one key at once, one produces it', async t => {
  const cacheRoot = await temporaryRoot(t);
  const processes = Array.from({ length: 3 }, () =>
    startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        // All have started before any makes its request.
        await cache.increment('ready');
        while ((await cache.get<number>('ready'))! < 3) await new Promise(resolve => setTimeout(resolve, 2));
        return cache.getOrSet('key', async () => {
          await cache.increment('produced');
          // Long enough for the others to request it meanwhile: not all of them have to wait, but none may produce.
          await new Promise(resolve => setTimeout(resolve, 300));
          return process.pid;
        });
      },
      [cacheRoot],
    ),
  );
  const pids = await Promise.all(processes.map(one => one.result()));
  t.is(new Set(pids).size, 1);
  t.is(await createDefaultCache({ cacheRoot, tag: 'a' }).get('produced'), 1);
});

test.serial(
  "another process's commit is seen at once by reads from the store, and soon by reads from memory",
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const uncached = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0 });
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    await cache.set('key', 'old');
    await cache.set('gone', 'old');
    t.is(await cache.get('key'), 'old');
    await startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        await cache.set('key', 'new');
        await cache.delete('gone');
      },
      [cacheRoot],
    ).result();
    t.is(await uncached.get('key'), 'new');
    t.false(await uncached.has('gone'));
    await eventually(
      async () => (await cache.get('key')) === 'new' && (await cache.get('gone')) === undefined,
    );
    t.is(await cache.get('key'), 'new');
  },
);

test.serial('a process that is killed while it produces loses the lease to the next', async t => {
  const cacheRoot = await temporaryRoot(t);
  const holder = startProcess(
    t,
    async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      setInterval(() => undefined, 1000);
      await cache.getOrSet('key', () => {
        console.log('producing');
        return new Promise(() => undefined);
      });
    },
    [cacheRoot],
  );
  await holder.line('producing');
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  const waited = Promise.withResolvers<number>();
  const next = cache.getOrSet('key', () => 'from the next', { onWait: ({ pid }) => waited.resolve(pid) });
  t.not(await waited.promise, process.pid, 'told which process is producing');
  holder.kill('SIGKILL');
  t.is((await holder.ended()).signal, 'SIGKILL');
  t.is(await next, 'from the next');
  t.is(await cache.get('key'), 'from the next');
});

test.serial(
  'a process that hangs while it produces is overtaken, and its late value is not stored',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const holder = startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        return cache.getOrSet('key', async () => {
          console.log('producing');
          while (!(await cache.has('overtaken'))) await new Promise(resolve => setTimeout(resolve, 5));
          return 'late';
        });
      },
      [cacheRoot],
    );
    await holder.line('producing');
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    t.is(await cache.getOrSet('key', () => 'in time', { wait: '200ms' }), 'in time');
    await cache.set('overtaken', true);
    t.is(await holder.result(), 'late', 'it still gets its own');
    t.is(await cache.get('key'), 'in time');
  },
);

for (const state of ['stopped', 'blocked'] as const) {
  test.serial(
    `a process that is ${state} while it produces is overtaken once its lock is stale, and stores nothing late`,
    async t => {
      const cacheRoot = await temporaryRoot(t);
      const holder = startProcess(
        t,
        async ({ createDefaultCache, fs }, cacheRoot, state) => {
          const cache = createDefaultCache({ cacheRoot, tag: 'a' });
          return cache.getOrSet('key', async () => {
            const pause = new Int32Array(new SharedArrayBuffer(4));
            console.log('producing');
            while (!fs.existsSync(`${cacheRoot}/go`)) {
              if (state === 'blocked') Atomics.wait(pause, 0, 0, 5);
              else await new Promise(resolve => setTimeout(resolve, 5));
            }
            return 'late';
          });
        },
        [cacheRoot, state],
      );
      await holder.line('producing');
      if (state === 'stopped') holder.kill('SIGSTOP');
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      const waiting = Promise.withResolvers<void>();
      const next = cache.getOrSet('key', () => 'in time', { onWait: () => waiting.resolve() });
      await waiting.promise;
      // The time until a lock is stale passes for every process but the holder.
      const { now } = wallClock;
      t.teardown(() => {
        wallClock.now = now;
      });
      wallClock.now = () => now() + LOCK_STALE_MS + 1000;
      t.is(await next, 'in time');
      wallClock.now = now;
      if (state === 'stopped') holder.kill('SIGCONT');
      writeFileSync(join(cacheRoot, 'go'), '');
      t.is(await holder.result(), 'late', 'it still gets its own');
      t.is(await cache.get('key'), 'in time');
    },
  );
}

test.serial('when a process fails to produce, the next one tries', async t => {
  const cacheRoot = await temporaryRoot(t);
  const failing = startProcess(
    t,
    async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      return cache
        .getOrSet('key', async () => {
          console.log('producing');
          while (!(await cache.has('fail now'))) await new Promise(resolve => setTimeout(resolve, 5));
          throw new Error('no compiler');
        })
        .catch((error: Error) => error.message);
    },
    [cacheRoot],
  );
  await failing.line('producing');
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  const waiting = Promise.withResolvers<void>();
  const next = cache.getOrSet('key', () => 'sound', { onWait: () => waiting.resolve() });
  await waiting.promise;
  await cache.set('fail now', true);
  t.is(await failing.result(), 'no compiler');
  t.is(await next, 'sound');
});

test.serial('files stored by one process are restored by another', async t => {
  const cacheRoot = await temporaryRoot(t);
  await startProcess(
    t,
    async ({ createDefaultCache, fs }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      fs.writeFileSync(`${cacheRoot}/source`, 'firmware', { mode: 0o750 });
      await cache.putFile('file', `${cacheRoot}/source`);
    },
    [cacheRoot],
  ).result();
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  t.true(await cache.getFile('file', `${cacheRoot}/target`));
  t.is(String(await cache.get('file')), 'firmware');
});
