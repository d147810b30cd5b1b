// A worker thread that uses the same cache in the meantime, and reports lost entries. Ends when told to.
import { parentPort, workerData } from 'node:worker_threads';
import { connectToCoordinator, createDefaultCache } from '../../../src/index.ts';

const { port, cacheRoot } = workerData;
connectToCoordinator(port);
const cache = createDefaultCache({ tag: 'shared', cacheRoot, localTierSize: 0 });
let isTold = false;
parentPort!.once('message', () => {
  isTold = true;
});

let rounds = 0;
let wrong = 0;
for (; !isTold || rounds === 0; rounds++) {
  const key = `neighbour-${rounds % 50}`;
  if (!(await cache.set(key, { rounds }))) wrong++;
  if ((await cache.get<{ rounds: number }>(key))?.rounds !== rounds) wrong++;
  if ((await cache.increment('neighbour')) !== rounds + 1) wrong++;
  if (rounds === 0) parentPort!.postMessage('started');
  // Lets the message in.
  await new Promise(setImmediate);
}
await cache.close();
parentPort!.postMessage({ rounds, wrong });
