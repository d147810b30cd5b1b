import test from 'ava';
import { runNode } from '../../../bench/child.ts';
import { baseEnvironment, SOURCES } from '../../../bench/distribution.ts';
import { type IdleSteps, perWorker, summarizeIdleMemory } from '../../../bench/experiments/idle-memory.ts';
import { COMPILED } from '../../../bench/worker-group.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const HOST = new URL('../../../bench/programs/idle-host.mjs', import.meta.url).pathname;
const MB = 1_000_000;
const ENVIRONMENT = { ...baseEnvironment(), NODE_COMPILE_CACHE: COMPILED };

/** A process of 10 workers with so many megabytes at each step, a tenth of it on heaps. */
function steps(bare: number, imported: number, used: number): IdleSteps {
  return [bare, imported, used].map(rss => ({ rss: rss * MB, heap: (rss * MB) / 10 })) as IdleSteps;
}

test('the growth of the process is divided by its workers', t => {
  const processes = [steps(100, 120, 140), steps(100, 125, 155), steps(90, 120, 140)];
  t.deepEqual(perWorker(processes, 10, 1, 2, 'rss'), { median: 2 * MB, min: 2 * MB, max: 3 * MB });
  t.deepEqual(perWorker(processes, 10, 0, 1, 'heap'), { median: 0.25 * MB, min: 0.2 * MB, max: 0.3 * MB });
});

test('a cache below 3 MB meets the goal, and the cost of the import is shown', t => {
  const [less] = summarizeIdleMemory([steps(100, 120, 149)], 10).targets;
  t.deepEqual(less, {
    id: 'idle-memory',
    measured: '2.9 MB; 4.9 MB with the import',
    isMet: true,
  });
  t.false(summarizeIdleMemory([steps(100, 120, 150)], 10).targets[0]!.isMet);
});

inFull('a process is measured bare, with the import, and with a used cache', async t => {
  const args = ['--expose-gc', HOST, SOURCES.module, await temporaryDirectory(t), '1'];
  const { stdout } = await runNode(args, ENVIRONMENT);
  const [bare, imported, used] = JSON.parse(stdout) as IdleSteps;
  t.true(bare.heap > 0 && imported.heap > bare.heap && used.heap > imported.heap);
  t.true(bare.rss > MB);
});

inFull('a worker that reads a wrong value fails', async t => {
  const wrong = `
    import { isMainThread } from 'node:worker_threads';
    export function createDefaultCache() {
      return { set: () => {}, get: () => isMainThread ? 1 : 'wrong', delete: () => {}, close: () => {} };
    }`;
  const module = `data:text/javascript,${encodeURIComponent(wrong)}`;
  await t.throwsAsync(runNode(['--expose-gc', HOST, module, await temporaryDirectory(t), '1'], ENVIRONMENT), {
    message: /A worker read a wrong value/,
  });
});
