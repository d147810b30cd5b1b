// Leases between threads: getOrSet has one producer, and survives its failure, death or hang.
import test from 'ava';
import { createDefaultCache } from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { some } from '../../support/extent.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads, type Thread } from '../../support/thread.ts';

interface Request {
  cacheRoot: string;
  backend: 'sqlite' | 'memory';
  /** Int32s: how many producers began, how many callers wait, whether producers may finish. */
  flags: SharedArrayBuffer;
  wait?: string;
}

const BEGUN = 0;
const WAITING = 1;
const OPEN = 2;

/** Requests the key in a thread; the producer finishes when the gate is open, with the given `outcome`. */
function ask(thread: Thread, request: Request, outcome: string | { throws: string }): Promise<unknown> {
  return thread.run(
    async ({ createDefaultCache }, { cacheRoot, backend, flags, wait }, outcome) => {
      const state = new Int32Array(flags);
      const add = (index: number) => {
        Atomics.add(state, index, 1);
        Atomics.notify(state, index);
      };
      const cache = createDefaultCache({ cacheRoot, tag: 'leases', backend });
      const produce = async () => {
        add(0);
        await Atomics.waitAsync(state, 2, 0).value;
        if (typeof outcome === 'object') throw new Error(outcome.throws);
        return outcome;
      };
      return cache.getOrSet('key', produce, { onWait: () => add(1), ...(wait && { wait }) });
    },
    request,
    outcome,
  );
}

async function until(flags: SharedArrayBuffer, index: number, count: number): Promise<void> {
  const state = new Int32Array(flags);
  await eventually(
    () => Atomics.load(state, index) >= count,
    () => [...state],
  );
}

function open(flags: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(flags), OPEN, 1);
  Atomics.notify(new Int32Array(flags), OPEN);
}

for (const backend of some(['sqlite', 'memory'] as const, 1)) {
  const prepare = async (t: Parameters<typeof temporaryRoot>[0], count: number) => {
    const cacheRoot = await temporaryRoot(t);
    const request: Request = { cacheRoot, backend, flags: new SharedArrayBuffer(12) };
    const cache = createDefaultCache({ cacheRoot, tag: 'leases', backend });
    await cache.stats();
    return { request, cache, threads: startThreads(t, count), flags: request.flags };
  };
  const isSettled = () =>
    eventually(
      async () => (await inspectCoordinator())?.leases === 0,
      () => 'leases are left',
    );

  test.serial(
    `${backend}: eight threads and the coordinator's own ask at once; one produces, all get its value`,
    async t => {
      const { request, cache, threads, flags } = await prepare(t, 8);
      const asked = threads.map((thread, index) => ask(thread, request, `by ${index}`));
      const own = cache.getOrSet(
        'key',
        async () => {
          Atomics.add(new Int32Array(flags), BEGUN, 1);
          await Atomics.waitAsync(new Int32Array(flags), OPEN, 0).value;
          return 'by the coordinator';
        },
        { onWait: () => Atomics.add(new Int32Array(flags), WAITING, 1) },
      );
      await until(flags, WAITING, 8);
      open(flags);
      const values = await Promise.all([...asked, own]);
      t.is(new Set(values).size, 1);
      t.is(new Int32Array(flags)[BEGUN], 1, 'the producer ran once');
      t.is(await cache.get('key'), values[0]);
      await isSettled();
    },
  );

  test.serial(`${backend}: a producer that throws fails its own caller, and the next one tries`, async t => {
    const { request, cache, threads, flags } = await prepare(t, 3);
    const failing = ask(threads[0]!, request, { throws: 'no compiler' });
    await until(flags, BEGUN, 1);
    const others = threads.slice(1).map(thread => ask(thread, request, 'sound'));
    const own = cache.getOrSet('key', () => 'sound', {
      onWait: () => Atomics.add(new Int32Array(flags), WAITING, 1),
    });
    await until(flags, WAITING, 3);
    open(flags);
    await t.throwsAsync(failing, { message: 'no compiler' });
    t.deepEqual(await Promise.all([...others, own]), ['sound', 'sound', 'sound']);
    await isSettled();
  });

  test.serial(`${backend}: a thread that is terminated while it produces passes the lease on`, async t => {
    const { request, cache, threads, flags } = await prepare(t, 2);
    const lost = ask(threads[0]!, request, 'never').catch(() => 'lost');
    await until(flags, BEGUN, 1);
    const next = ask(threads[1]!, request, 'from the second');
    await until(flags, WAITING, 1);
    await threads[0]!.terminate();
    await until(flags, BEGUN, 2);
    open(flags);
    t.is(await next, 'from the second');
    t.is(await lost, 'lost');
    t.is(await cache.get('key'), 'from the second');
    await isSettled();
  });

  test.serial(`${backend}: a thread that is terminated while it waits is forgotten`, async t => {
    const { request, threads, flags } = await prepare(t, 3);
    const producing = ask(threads[0]!, request, 'value');
    await until(flags, BEGUN, 1);
    const waiting = threads.slice(1).map(thread => ask(thread, request, 'not this').catch(() => 'lost'));
    await until(flags, WAITING, 2);
    await threads[1]!.terminate();
    open(flags);
    t.is(await producing, 'value');
    t.deepEqual(await Promise.all(waiting), ['lost', 'value']);
    await isSettled();
  });

  test.serial(
    `${backend}: threads that are terminated at any moment of a request hold nothing up`,
    async t => {
      const { request, cache, threads, flags } = await prepare(t, 6);
      // Not awaited: some die before they have the lease, some while its lock is being taken, some with it.
      for (const [index, thread] of threads.entries()) {
        const asked = ask(thread, request, 'never').catch(() => 'lost');
        for (let turn = 0; turn < index * 40; turn++) await new Promise(setImmediate);
        await thread.terminate();
        t.is(await asked, 'lost');
        t.is(await cache.getOrSet('key', () => index), index);
        await cache.delete('key');
      }
      open(flags);
      await isSettled();
    },
  );

  test.serial(`${backend}: a producer that hangs is overtaken, and its late value is not stored`, async t => {
    const { request, cache, threads, flags } = await prepare(t, 2);
    const late = ask(threads[0]!, request, 'late');
    await until(flags, BEGUN, 1);
    const overtaking = await threads[1]!.run(async ({ createDefaultCache }, { cacheRoot, backend }) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'leases', backend });
      return cache.getOrSet('key', () => 'in time', { wait: '200ms' });
    }, request);
    t.is(overtaking, 'in time');
    t.is(await cache.get('key'), 'in time');
    open(flags);
    t.is(await late, 'late', 'it still gets its own');
    t.is(await cache.get('key'), 'in time');
    await isSettled();
  });

  test.serial(
    `${backend}: a caller whose wait timed out takes nothing over from callers before it in the queue`,
    async t => {
      const { request, cache, threads, flags } = await prepare(t, 2);
      const slow = ask(threads[0]!, request, 'slow');
      await until(flags, BEGUN, 1);
      const patient = ask(threads[1]!, request, 'patient');
      await until(flags, WAITING, 1);
      const produced: string[] = [];
      const hasty = (name: string) =>
        cache.getOrSet('key', () => produced.push(name) && name, { wait: '50ms' });
      t.deepEqual(await Promise.all([hasty('one'), hasty('two')]), ['one', 'two']);
      t.is(produced.length, 2, 'each for itself');
      t.false(await cache.has('key'), 'and neither is stored');
      open(flags);
      t.is(await slow, 'slow');
      t.is(await patient, 'slow', 'the one that waited on gets what it waited for');
      t.is(await cache.get('key'), 'slow');
      await isSettled();
    },
  );

  test.serial(`${backend}: a caller that takes over is given the time to produce`, async t => {
    const { request, cache, threads, flags } = await prepare(t, 1);
    const stuck = ask(threads[0]!, request, 'late');
    await until(flags, BEGUN, 1);
    const gate = Promise.withResolvers<void>();
    const first = cache.getOrSet('key', () => gate.promise.then(() => 'first'), { wait: '100ms' });
    // Its wait ends soon after the first caller has taken over.
    const second = cache.getOrSet('key', () => 'second', { wait: '150ms' });
    t.is(await second, 'second');
    gate.resolve();
    t.is(await first, 'first');
    t.is(await cache.get('key'), 'first');
    open(flags);
    t.is(await stuck, 'late');
    await isSettled();
  });

  test.serial(
    `${backend}: a waiting thread is told of the coordinator's own product, and of its failure`,
    async t => {
      const { request, cache, threads, flags } = await prepare(t, 1);
      const gate = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const own = cache.getOrSet('key', () => {
        started.resolve();
        return gate.promise;
      });
      await started.promise;
      const other = ask(threads[0]!, request, 'from the thread');
      await until(flags, WAITING, 1);
      gate.reject(new Error('broken'));
      await t.throwsAsync(own, { message: 'broken' });
      await until(flags, BEGUN, 1);
      open(flags);
      t.is(await other, 'from the thread');
      await isSettled();
    },
  );
}
