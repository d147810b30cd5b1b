// Exits of threads and processes, in every possible way: nothing is left behind, and nothing keeps them alive.
import { join } from 'node:path';
import test from 'ava';
import { createDefaultCache } from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { inFull } from '../../support/extent.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads, Thread } from '../../support/thread.ts';

const NOTHING = { sessions: 0, stores: 0, clients: 0, leases: 0 };

async function isForgotten(expected: object = NOTHING): Promise<void> {
  let seen: unknown;
  await eventually(
    async () => {
      const { dropped: _, ...held } = (await inspectCoordinator())!;
      seen = held;
      return JSON.stringify(held) === JSON.stringify(expected);
    },
    () => seen,
  );
}

/** Opens two caches in the thread, uses them, and begins to produce. */
function busy(thread: Thread, cacheRoot: string): Promise<void> {
  return thread.run(async ({ createDefaultCache }, cacheRoot) => {
    const disk = createDefaultCache({ cacheRoot, tag: 'disk' });
    const memory = createDefaultCache({ cacheRoot, tag: 'memory', backend: 'memory' });
    await disk.set('key', 'value');
    await memory.set('key', 'value');
    await disk.get('key');
    await new Promise<void>(resolve => {
      void memory.getOrSet('produced', () => {
        resolve();
        return new Promise(() => undefined);
      });
    });
  }, cacheRoot);
}

const endings: Record<string, (thread: Thread) => Promise<unknown>> = {
  'is terminated': thread => thread.terminate(),
  'ends by itself': async thread => {
    await thread.run(({ threads }) => void threads.parentPort?.unref());
    await thread.ended();
  },
  'calls process.exit()': async thread => {
    await thread.run(() => process.exit(3)).catch(() => undefined);
    await thread.ended();
  },
  'crashes with an uncaught error': async thread => {
    await thread
      .run(() => {
        setImmediate(() => {
          throw new Error('crash');
        });
        return new Promise(() => undefined);
      })
      .catch(() => undefined);
    await thread.ended();
  },
  'runs out of memory': async thread => {
    await thread
      .run(() => {
        const all: number[][] = [];
        for (;;) all.push(new Array<number>(100_000).fill(1.5));
      })
      .catch(() => undefined);
    await thread.ended();
  },
};

for (const [name, end] of Object.entries(endings)) {
  test.serial(`a thread that ${name} is forgotten: its connection, its stores and its leases`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const thread = new Thread({ resourceLimits: { maxOldGenerationSizeMb: 64 } });
    t.teardown(() => thread.terminate());
    await busy(thread, cacheRoot);
    await isForgotten({ sessions: 1, stores: 2, clients: 2, leases: 1 });
    await end(thread);
    await isForgotten();
    const cache = createDefaultCache({ cacheRoot, tag: 'disk' });
    t.is(await cache.get('key'), 'value', 'what it wrote is there');
    t.deepEqual((await cache.check()).problems, []);
  });
}

test.serial('a store stays open while any thread uses it', async t => {
  const cacheRoot = await temporaryRoot(t);
  const threads = startThreads(t, 2);
  const use = (thread: Thread) =>
    thread.run(async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'shared', backend: 'memory' });
      return cache.increment('count');
    }, cacheRoot);
  t.is(await use(threads[0]!), 1);
  t.is(await use(threads[1]!), 2);
  await threads[0]!.terminate();
  await isForgotten({ sessions: 1, stores: 1, clients: 1, leases: 0 });
  t.is(await use(threads[1]!), 3);
  await threads[1]!.terminate();
  await isForgotten();
});

inFull('two dozen threads that come and go leave no handle behind', async t => {
  const cacheRoot = await temporaryRoot(t);
  const handles = () => process.getActiveResourcesInfo().filter(name => name === 'MessagePort').length;
  const before = handles();
  for (let round = 0; round < 6; round++) {
    const threads = startThreads(t, 4);
    await Promise.all(
      threads.map(thread =>
        thread.run(async ({ createDefaultCache }, cacheRoot) => {
          const cache = createDefaultCache({ cacheRoot, tag: 'many' });
          await cache.increment('count');
          await cache.get('count');
        }, cacheRoot),
      ),
    );
    await Promise.all(threads.map(thread => thread.terminate()));
    await isForgotten();
  }
  t.is(await createDefaultCache({ cacheRoot, tag: 'many' }).get('count'), 24);
  await eventually(
    () => handles() <= before,
    () => `${handles()} ports, ${before} before`,
  );
  t.pass();
});

test.serial('an open cache does not keep a process alive, used or not', async t => {
  const cacheRoot = await temporaryRoot(t);
  const ended = await startProcess(
    t,
    async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      createDefaultCache({ cacheRoot, tag: 'unused' });
      await cache.set('key', 'value');
      await cache.set('large', Buffer.alloc(100_000));
      await cache.getOrSet('produced', () => 1);
      for (let read = 0; read < 10; read++) await cache.get('key');
      const iteration = cache.keys();
      await iteration.next();
    },
    [cacheRoot],
  ).ended();
  t.is(ended.code, 0, ended.errors);
  t.is(ended.errors, '');
});

test.serial('an open cache in a worker thread keeps neither the process nor the thread alive', async t => {
  const cacheRoot = await temporaryRoot(t);
  const ended = await startProcess(
    t,
    async ({ createDefaultCache, threads }, cacheRoot, file) => {
      await createDefaultCache({ cacheRoot, tag: 'a' }).set('key', 'main');
      const worker = new threads.Worker(new URL(file));
      worker.postMessage({
        id: 1,
        source: `async ({ createDefaultCache, threads }, cacheRoot) => {
          const cache = createDefaultCache({ cacheRoot, tag: 'a' });
          const memory = createDefaultCache({ cacheRoot, tag: 'b', backend: 'memory' });
          await cache.set('from the worker', await cache.get('key'));
          await memory.set('key', 1);
          threads.parentPort.unref();
        }`,
        args: [cacheRoot],
      });
      await new Promise(resolve => worker.once('message', resolve));
    },
    [cacheRoot, new URL('../../support/thread-worker.ts', import.meta.url).href],
  ).ended();
  t.is(ended.code, 0, ended.errors);
  t.is(await createDefaultCache({ cacheRoot, tag: 'a' }).get('from the worker'), 'main');
});

test.serial(
  'an idle pool, whose threads have caches open and wait for work, does not keep the process alive',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const ended = await startProcess(
      t,
      async ({ threads }, cacheRoot, file) => {
        const worker = new threads.Worker(new URL(file));
        worker.postMessage({
          id: 1,
          source: `async ({ createDefaultCache }, cacheRoot) => {
          await createDefaultCache({ cacheRoot, tag: 'a' }).set('key', 1);
          await createDefaultCache({ cacheRoot, tag: 'b', backend: 'memory' }).set('key', 1);
        }`,
          args: [cacheRoot],
        });
        await new Promise(resolve => worker.once('message', resolve));
        // The thread keeps listening; the process just does not wait for it, as with the idle threads of pools.
        worker.unref();
      },
      [cacheRoot, new URL('../../support/thread-worker.ts', import.meta.url).href],
    ).ended();
    t.is(ended.code, 0, ended.errors);
    t.is(await createDefaultCache({ cacheRoot, tag: 'a' }).get('key'), 1);
  },
);

test.serial('an operation in flight keeps its process and its thread alive until it is answered', async t => {
  const cacheRoot = await temporaryRoot(t);
  const ended = await startProcess(
    t,
    ({ createDefaultCache, threads }, cacheRoot, file) => {
      // Nothing here is awaited: only the operations themselves can keep the process and the thread.
      const cache = createDefaultCache({ cacheRoot, tag: 'main' });
      void cache.set('small', 1);
      void cache.set('large', Buffer.alloc(3_000_000, 1));
      void cache.getOrSet('produced', () => 1).then(value => console.log(`produced ${value}`));
      const worker = new threads.Worker(new URL(file));
      worker.postMessage({
        id: 1,
        source: `({ createDefaultCache, threads }, cacheRoot) => {
          threads.parentPort.unref();
          const cache = createDefaultCache({ cacheRoot, tag: 'worker' });
          void cache.set('small', 1);
          void cache.set('large', Buffer.alloc(3_000_000, 1));
          void cache.getOrSet('produced', () => 1);
        }`,
        args: [cacheRoot],
      });
    },
    [cacheRoot, new URL('../../support/thread-worker.ts', import.meta.url).href],
  ).ended();
  t.is(ended.code, 0, ended.errors);
  t.true(ended.lines.includes('produced 1'));
  for (const tag of ['main', 'worker']) {
    const cache = createDefaultCache({ cacheRoot, tag });
    t.is(await cache.get('small'), 1, tag);
    t.true(Buffer.alloc(3_000_000, 1).equals((await cache.get<Buffer>('large'))!), tag);
    t.is(await cache.get('produced'), 1, tag);
  }
});

test.serial('process.exit() loses at most unacknowledged writes, and damages nothing', async t => {
  const cacheRoot = await temporaryRoot(t);
  const { code } = await startProcess(
    t,
    async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      await cache.set('acknowledged', Buffer.alloc(100_000, 1));
      void cache.set('not', Buffer.alloc(100_000, 2));
      process.exit(7);
    },
    [cacheRoot],
  ).ended();
  t.is(code, 7);
  const cache = createDefaultCache({ cacheRoot: join(cacheRoot), tag: 'a' });
  t.deepEqual(await cache.get('acknowledged'), Buffer.alloc(100_000, 1));
  await cache.cleanup();
  t.deepEqual((await cache.check()).problems, []);
});
