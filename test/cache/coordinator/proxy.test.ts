// The cache contract through proxies in real worker threads whose coordinator is this thread.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { getAggregatedCacheStats } from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { isFull } from '../../support/extent.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';
import type { Backend, Door } from '../contract/context.ts';
import { contract } from '../contract.ts';

const backends: Backend[] = ['sqlite', 'memory'];
const workers = new Map<Backend, Worker>();
let witnessRoot: string;

test.before(async () => {
  witnessRoot = await makeDirectory();
  for (const backend of backends) {
    const worker = new Worker(new URL('../../support/contract-worker.ts', import.meta.url), {
      workerData: { backend, witnessRoot },
    });
    worker.setMaxListeners(0);
    workers.set(backend, worker);
  }
  await Promise.all([...workers.values()].map(worker => once(worker, 'message')));
});

test.after.always(async () => {
  await Promise.all([...workers.values()].map(worker => worker.terminate()));
  await removeDirectory(witnessRoot);
});

test('the workers are proxies: their stores are open in this thread', async t => {
  t.is((await inspectCoordinator())?.sessions, backends.length);
  const { instances } = await getAggregatedCacheStats();
  for (const backend of backends) {
    t.is(instances[`${witnessRoot}/${backend}`]?.backend, backend);
    t.is(instances[`${witnessRoot}/${backend}`]?.count, 1);
  }
});

for (const backend of backends) {
  for (const [index, { name }] of contract.entries()) {
    // By default each case takes one door with each backend, and the other one with the other backend.
    const isUsual = (door: 'asynchronous' | 'synchronous') =>
      isFull || ((index % 2 === 0) === (backend === 'memory')) === (door === 'synchronous');
    const [later, now] = [
      isUsual('asynchronous') ? test : test.skip,
      isUsual('synchronous') ? test : test.skip,
    ];
    later(`${backend}: ${name}`, async t => t.is(await run(backend, index, 'asynchronous'), undefined));
    now(`${backend}, synchronously: ${name}`, async t =>
      t.is(await run(backend, index, 'synchronous'), undefined),
    );
  }
}

/** The error of a case in a worker, if any. */
async function run(backend: Backend, index: number, door: Door): Promise<string | undefined> {
  const worker = workers.get(backend)!;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const listen = (answer: { index: number; door: Door; error?: string }) => {
    if (answer.index === index && answer.door === door) resolve(answer.error);
  };
  worker.on('message', listen);
  worker.once('error', reject);
  worker.postMessage({ index, door });
  try {
    return await promise;
  } finally {
    worker.off('message', listen);
  }
}
