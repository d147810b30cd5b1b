// A process of four threads that write through Keyv: `node writer-process.ts ROOT NAME COUNT`.
import '../../src/keyv.ts';
import { Worker } from 'node:worker_threads';

const [root, name, count] = process.argv.slice(2);
for (const thread of ['a', 'b', 'c', 'd']) {
  const workerData = { root, name: `${name}-${thread}`, count: Number(count) };
  new Worker(new URL('./writer-worker.ts', import.meta.url), { workerData });
}
