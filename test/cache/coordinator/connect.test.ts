// Connecting to the coordinator: every way in which a thread can find it.
import { once } from 'node:events';
import {
  getEnvironmentData,
  isMainThread,
  type MessagePort,
  setEnvironmentData,
  threadId,
} from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { Piscina } from 'piscina';
import { COORDINATOR_KEY } from '../../../src/cache/client/handshake.ts';
import { createCoordinatorPort, createDefaultCache, getCacheInstanceCount } from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { eventually } from '../../support/eventually.ts';
import type { PoolTask } from '../../support/pool-task.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads, type Thread } from '../../support/thread.ts';

/** The kind of thread in which these tests run, as in-ava.test.ts reads it. */
const HERE = isMainThread ? 'main thread' : 'worker thread';

test.afterEach.always(async t => {
  await eventually(
    async () => (await inspectCoordinator())?.sessions === 0,
    () => `sessions after '${t.title}'`,
  );
});

/** A thread that knows no coordinator: none has been published. */
function startStranger(t: ExecutionContext) {
  const published = getEnvironmentData(COORDINATOR_KEY);
  setEnvironmentData(COORDINATOR_KEY, undefined);
  const [thread] = startThreads(t, 1);
  setEnvironmentData(COORDINATOR_KEY, published);
  return thread!;
}

test.serial('a bare worker connects by itself', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  await cache.set('from here', 1);
  t.is(getEnvironmentData(COORDINATOR_KEY), threadId);
  const [thread] = startThreads(t, 1);
  const seen = await thread!.run(async ({ createDefaultCache }, root) => {
    const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
    await cache.set('from there', 2);
    return cache.get('from here');
  }, cacheRoot);
  t.is(seen, 1);
  t.is(await cache.get('from there'), 2);
  t.is((await inspectCoordinator())?.sessions, 1);
  await thread!.terminate();
});

test.serial(`the same options give the same instance, with the coordinator in a ${HERE}`, async t => {
  const cacheRoot = await temporaryRoot(t);
  const [thread] = startThreads(t, 1);
  const result = await thread!.run(
    async ({ createDefaultCache, getCacheInstanceCount, inspectCoordinator }, root) => {
      const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
      const isSame = createDefaultCache({ cacheRoot: root, tag: 'a' }) === cache;
      await cache.set('key', 'of the worker');
      return { isSame, count: getCacheInstanceCount(), coordinator: await inspectCoordinator() };
    },
    cacheRoot,
  );
  t.deepEqual(result, { isSame: true, count: 1, coordinator: undefined });
  t.is(getCacheInstanceCount(), 0, 'each thread has a registry of its own');
  t.is(await createDefaultCache({ cacheRoot, tag: 'a' }).get('key'), 'of the worker');
});

test.serial(
  'a worker of a worker connects to the same coordinator, even if the worker between has no cache',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const [thread] = startThreads(t, 1);
    const file = new URL('../../support/thread-worker.ts', import.meta.url).href;
    const value = await thread!.run(
      async ({ threads, kept }, root, url) => {
        const nested = new threads.Worker(new URL(url));
        kept.nested = nested;
        const answer = new Promise<{ value?: unknown; error?: unknown }>(resolve =>
          nested.once('message', resolve),
        );
        nested.postMessage({
          id: 1,
          source: `async ({ createDefaultCache, inspectCoordinator }, cacheRoot) => {
          const cache = createDefaultCache({ cacheRoot, tag: 'a' });
          await cache.set('deep', 'value');
          return [await cache.get('deep'), await inspectCoordinator()];
        }`,
          args: [root],
        });
        return answer;
      },
      cacheRoot,
      file,
    );
    t.deepEqual(value, { id: 1, value: ['value', undefined] } as never);
    t.is((await inspectCoordinator())?.sessions, 1, 'the nested one, and not the one between');
    t.is(await createDefaultCache({ cacheRoot, tag: 'a' }).get('deep'), 'value');
    await thread!.terminate();
  },
);

test.serial("Piscina's threads connect without any option of the pool", async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'pool' });
  const pool = new Piscina<PoolTask, number>({
    filename: new URL('../../support/pool-task.ts', import.meta.url).href,
    minThreads: 3,
    maxThreads: 3,
  });
  const task: PoolTask = { cacheRoot, begun: new SharedArrayBuffer(4), threads: 3 };
  const ids = await Promise.all(Array.from({ length: 3 }, () => pool.run(task)));
  t.is(new Set(ids).size, 3);
  t.is((await inspectCoordinator())?.sessions, 3);
  t.is(await cache.get('tasks'), 3);
  for (const id of ids) t.is(await cache.get(`thread-${id}`), id);
  await pool.destroy();
});

test.serial('a port can be passed explicitly to a thread that would not find the coordinator', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' });
  await cache.set('key', 'only in this thread’s memory');
  const stranger = startStranger(t);
  const port = await createCoordinatorPort();
  stranger.worker.postMessage(
    { id: -1, source: '(tools, port) => { tools.kept.port = port; }', args: [port] },
    [port],
  );
  const result = await stranger.run(
    async ({ kept, connectToCoordinator, createDefaultCache, inspectCoordinator }, root) => {
      connectToCoordinator(kept.port as import('node:worker_threads').MessagePort);
      const cache = createDefaultCache({ cacheRoot: root, tag: 'a', backend: 'memory' });
      const value = await cache.get('key');
      await cache.set('reply', 'seen');
      const again = (() => {
        try {
          connectToCoordinator(kept.port as import('node:worker_threads').MessagePort);
        } catch (error) {
          return (error as { code?: string }).code;
        }
      })();
      return { value, again, coordinator: await inspectCoordinator() };
    },
    cacheRoot,
  );
  t.deepEqual(result, {
    value: 'only in this thread’s memory',
    again: 'GLOVEBOX_INVALID_ARGUMENT',
    coordinator: undefined,
  });
  t.is(await cache.get('reply'), 'seen');
  t.is((await inspectCoordinator())?.sessions, 1);
  await stranger.terminate();
});

test.serial(
  'a thread that was started before there was a coordinator asks the main thread, and shares the store in any case',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    await cache.set('count', 0);
    const stranger = startStranger(t);
    const count = (root: string) =>
      stranger.run(async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        for (let index = 0; index < 50; index++) await cache.increment('count');
      }, root);
    const here = (async () => {
      for (let index = 0; index < 50; index++) await cache.increment('count');
    })();
    await Promise.all([count(cacheRoot), here]);
    // If the tests run in a worker thread, the main one does not know Glovebox: then the thread coordinates by itself.
    t.is((await inspectCoordinator())?.sessions, isMainThread ? 1 : 0);
    t.is((await cache.getMany(['count'])).size, 1);
    await eventually(async () => (await cache.get('count')) === 100);
    await stranger.terminate();
  },
);

test.serial('foreign and invalid messages do not affect the coordinator', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  await cache.set('key', 1);
  const [thread] = startThreads(t, 1);
  await thread!.run(async ({ threads }, coordinator) => {
    for (const message of [null, 'hello', 5, {}, { glovebox: 99 }, { glovebox: 1, control: 1, writes: 2 }]) {
      await threads.postMessageToThread(coordinator, message);
    }
  }, threadId);
  const port = await createCoordinatorPort();
  port.postMessage({ glovebox: 1 });
  await eventually(async () => ((await inspectCoordinator())?.dropped ?? 0) >= 1);
  port.close();
  t.is((await inspectCoordinator())?.sessions, 0);
  t.is(await cache.get('key'), 1);
  await thread!.terminate();
});

for (const way of ['asks the main thread', 'has a port that was passed by hand'] as const) {
  test.serial(`a thread that knows no coordinator and ${way} has it at once`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' });
    cache.setSync('key', 'here');
    const stranger = startStranger(t);
    if (way !== 'asks the main thread') {
      const port = await createCoordinatorPort();
      stranger.worker.postMessage(
        {
          id: -1,
          source: '({ kept, connectToCoordinator }, port) => connectToCoordinator(port)',
          args: [port],
        },
        [port],
      );
    }
    const found = await stranger.run(async ({ createDefaultCache, inspectCoordinator }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' });
      return [cache.getSync('key'), cache.setSync('there', 1), await inspectCoordinator()];
    }, cacheRoot);
    // In the pool of a test runner the main thread is another one.
    const isFound = isMainThread || way !== 'asks the main thread';
    t.deepEqual(found.slice(0, 2), [isFound ? 'here' : undefined, true]);
    t.is(cache.getSync('there'), isFound ? 1 : undefined);
    await stranger.terminate();
  });
}

test.serial('a thread of another version is refused at once, without waiting for an answer', async t => {
  await createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'a' }).set('key', 1);
  const [thread] = startThreads(t, 1);
  const closed = await thread!.run(async ({ threads }, coordinator) => {
    const [control, writes] = [new threads.MessageChannel(), new threads.MessageChannel()];
    const isClosed = [control, writes].map(
      ({ port1 }) => new Promise<string>(resolve => port1.once('close', () => resolve('closed'))),
    );
    const hello = { glovebox: 99, thread: threads.threadId, control: control.port2, writes: writes.port2 };
    await threads.postMessageToThread(coordinator, hello, [control.port2, writes.port2]);
    return Promise.all(isClosed);
  }, threadId);
  t.deepEqual(closed, ['closed', 'closed']);
  await thread!.terminate();
});

test.serial('a coordinator that ends leaves no thread waiting', async t => {
  const cacheRoot = await temporaryRoot(t);
  const [coordinating, served] = startThreads(t, 2) as [Thread, Thread];
  const sent = once(coordinating.worker, 'message');
  await coordinating.run(async ({ createCoordinatorPort, threads }) => {
    const port = await createCoordinatorPort();
    threads.parentPort?.postMessage({ port }, [port]);
  });
  const [{ port }] = (await sent) as [{ port: MessagePort }];
  const isConnected = once(served.worker, 'message');
  served.worker.postMessage(
    { id: -1, source: '({ connectToCoordinator }, port) => connectToCoordinator(port)', args: [port] },
    [port],
  );
  await isConnected;
  // Produced here for as long as the test needs: for the other coordinator this one is another process.
  const gate = Promise.withResolvers<string>();
  const here = createDefaultCache({ cacheRoot, tag: 'a' });
  const begun = Promise.withResolvers<void>();
  const produced = here.getOrSet('key', () => {
    begun.resolve();
    return gate.promise;
  });
  await begun.promise;
  const isWaiting = once(served.worker, 'message');
  const answers = served.run(async ({ createDefaultCache, threads }, cacheRoot) => {
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    await cache.set('before', 1);
    const onWait = () => threads.parentPort?.postMessage({});
    const made = await cache.getOrSet('key', () => 'made alone', { onWait });
    const other = createDefaultCache({ cacheRoot, tag: 'b' });
    const written = [
      await cache.set('large', Buffer.alloc(100_000)),
      await cache.cleanup(),
      await other.set('key', 1),
    ];
    return [made, await cache.get('before'), ...written];
  }, cacheRoot);
  await isWaiting;
  await coordinating.terminate();
  t.deepEqual(await answers, ['made alone', 1, true, 0, true]);
  gate.resolve('made here');
  t.is(await produced, 'made here');
  await served.terminate();
});
