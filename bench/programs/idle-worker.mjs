// Worker thread of idle-host.mjs.
import { parentPort, workerData } from 'node:worker_threads';

const { module, cacheRoot, index } = workerData;
let glovebox;
let cache;

const steps = {
  collect() {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  async import() {
    glovebox = await import(module);
  },
  // A set, a get and a delete leave nothing in the thread's own memory.
  async use() {
    cache = glovebox.createDefaultCache({ cacheRoot, tag: 'idle' });
    const key = `worker/${index}`;
    await cache.set(key, index);
    if ((await cache.get(key)) !== index) throw new Error('A worker read a wrong value.');
    await cache.delete(key);
    if ((await cache.get(key)) !== undefined) throw new Error('A worker read what it had deleted.');
  },
  close: () => cache.close(),
};

parentPort.on('message', async name => parentPort.postMessage(await steps[name]()));
