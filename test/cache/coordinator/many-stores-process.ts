// A process with more caches than it may have files open for, in its main thread and in worker threads.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createDefaultCache, resetSharedCacheInstances } from '../../../src/index.ts';

const { root, count, threads, number } = (isMainThread ? JSON.parse(process.argv[2]!) : workerData) as {
  root: string;
  count: number;
  threads: number;
  number?: number;
};
const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

const me = isMainThread ? 'main' : `worker-${number}`;
const tags = Array.from({ length: count }, (_, index) => `tag-${index}`);
const open = (tag: string) => createDefaultCache({ cacheRoot: root, tag });

/** Round-robin over the caches, so that none stays the most recently used. */
async function everywhere(work: (tag: string, index: number) => Promise<boolean>): Promise<number> {
  let right = 0;
  for (const [index, tag] of tags.entries()) if (await work(tag, index)) right++;
  return right;
}

async function useAll(): Promise<Record<string, number>> {
  // Begun before, and continued after each store has been closed and opened again.
  const first = open(tags[0]!);
  await first.setMany(Array.from({ length: 600 }, (_, key) => [`page/${me}/${key}`, key]));
  const iterator = first.keys({ prefix: `page/${me}/` });
  let paged = (await iterator.next()).done ? 0 : 1;
  const right = {
    set: await everywhere((tag, index) => open(tag).set(`${me}-key`, index)),
    get: await everywhere(async (tag, index) => (await open(tag).get(`${me}-key`)) === index),
    replaced: await everywhere((tag, index) => open(tag).set(`${me}-key`, index + 1)),
    again: await everywhere(async (tag, index) => (await open(tag).get(`${me}-key`)) === index + 1),
    large: await everywhere((tag, index) => open(tag).set(`${me}-large`, Buffer.alloc(80_000, index))),
    produced: await everywhere(
      async tag => (await open(tag).getOrSet(`${me}-made`, () => 'made')) === 'made',
    ),
    deleted: await everywhere(tag => open(tag).delete(`${me}-made`)),
    gone: await everywhere(async tag => (await open(tag).get(`${me}-made`)) === undefined),
  };
  for await (const _ of iterator) paged++;
  return { ...right, paged };
}

if (!isMainThread) {
  parentPort!.postMessage(await useAll());
} else {
  const main = await useAll();
  const workers = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { root, count, threads, number: index },
      });
      return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
    }),
  );
  const after = {
    // Statistics of stores that were closed meanwhile are kept.
    counted: await everywhere(async (tag, index) => {
      const { sets, deletes } = await open(tag).stats();
      return sets === (1 + threads) * (index === 0 ? 604 : 4) && deletes === 1 + threads;
    }),
    checked: await everywhere(async tag => (await open(tag).check()).problems.length === 0),
    seen: await everywhere(async (tag, index) => (await open(tag).get('worker-1-key')) === index + 1),
  };
  // The first is closed by now, and its directory is removed.
  rmSync(join(root, tags[0]!), { recursive: true });
  const isGone = (await open(tags[0]!).get('main-key')) === undefined;
  const isNew = (await open(tags[0]!).set('new', 1)) && (await open(tags[0]!).get('new')) === 1;
  await resetSharedCacheInstances();
  process.stdout.write(JSON.stringify({ main, workers, after, isGone, isNew, warnings }));
}
