// A process with worker threads that do nothing: bare, then with Glovebox imported, then with a cache that was used.
// Arguments: the URL of Glovebox's module, a directory for its caches, how many threads. Needs --expose-gc. Prints an
// array of { rss, heap }: bytes at each step, of the process, and on the heaps of all threads with what hangs on them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const [module, cacheRoot, count] = process.argv.slice(2);
// In the main thread everything is there from the start: what is looked for is what one more worker costs.
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
  // What a thread has freed is not always free after the first time.
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
