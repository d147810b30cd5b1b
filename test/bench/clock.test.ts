import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { sharedTime } from '../../bench/clock.ts';

test('timestamps of different threads can be compared', async t => {
  const clock = new URL('../../bench/clock.ts', import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(clock)}).then(({ sharedTime }) => {
       const { parentPort } = require('node:worker_threads');
       parentPort.postMessage(sharedTime(performance.now()));
     });`,
    { eval: true },
  );
  const before = sharedTime(performance.now());
  const [inWorker] = (await once(worker, 'message')) as [number];
  const after = sharedTime(performance.now());
  // Each clock is exact to within two clock readings, far below a millisecond.
  t.true(before - 1 <= inWorker && inWorker <= after + 1, `${before} ${inWorker} ${after}`);
});
