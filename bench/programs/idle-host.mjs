// A process with idle worker threads: bare, then with Glovebox imported, then with a cache that was used. Arguments:
// the URL of Glovebox's module, a directory for its caches, the number of threads. Needs --expose-gc. Prints an array
// of { rss, heap } in bytes, one per step: resident memory of the process, and heap with external memory of all
// threads.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const [module, cacheRoot, count] = process.argv.slice(2);
// The main thread has everything from the start, so that only the workers' cost is measured.
const { createDefaultCache } = await import(module);
const cache = createDefaultCache({ cacheRoot, tag: 'idle' });
await cache.set('main', 1);
if ((await cache.get('main')) !== 1) throw new Error('The main thread read a wrong value.');

const file = new URL('idle-worker.mjs', import.meta.url);
const workers = Array.from(
  { length: Number(count) },
  (_, index) => new Worker(file, { workerData: { module, cacheRoot, index } }),
);

async function step(name) {
  const replies = [];
  for (const worker of workers) {
    const reply = once(worker, 'message');
    worker.postMessage(name);
    replies.push((await reply)[0]);
  }
  return replies;
}

async function measure() {
  // One garbage collection does not always free everything.
  for (let turn = 0; turn < 3; turn++) {
    await step('collect');
    globalThis.gc();
  }
  const heaps = await step('collect');
  return { rss: process.memoryUsage.rss(), heap: heaps.reduce((sum, bytes) => sum + bytes, 0) };
}

const steps = [await measure()];
for (const name of ['import', 'use']) {
  await step(name);
  steps.push(await measure());
}
await step('close');
await cache.close();
for (const worker of workers) await worker.terminate();
process.stdout.write(JSON.stringify(steps));
