// A program that starts threads and imports the library late or never; its threads import it.
import { Thread } from '../../support/thread.ts';

const [cacheRoot, when] = process.argv.slice(2) as [string, 'never' | 'before they use it' | 'afterwards'];

const threads = Array.from({ length: 4 }, () => new Thread());
await Promise.all(threads.map(thread => thread.run(() => undefined)));
const load = () => import('../../../src/index.ts');
const early = when === 'before they use it' ? await load() : undefined;

const increment = (thread: Thread) =>
  thread.run(async ({ createDefaultCache, kept }, cacheRoot) => {
    kept.disk ??= createDefaultCache({ cacheRoot, tag: 'disk' });
    kept.memory ??= createDefaultCache({ cacheRoot, tag: 'memory', backend: 'memory' });
    return [
      await (kept.disk as import('../../../src/index.ts').Cache).increment('count'),
      await (kept.memory as import('../../../src/index.ts').Cache).increment('count'),
    ];
  }, cacheRoot);
const read = (thread: Thread) =>
  thread.run(async ({ createDefaultCache, kept }, cacheRoot) => {
    kept.disk ??= createDefaultCache({ cacheRoot, tag: 'disk' });
    return (kept.disk as import('../../../src/index.ts').Cache).get<number>('count');
  }, cacheRoot);

// Once one thread's write is acknowledged, every other thread reads it, however often it has read the key before.
let written = 0;
let stale = 0;
let inMemory = 0;
for (let round = 0; round < 60; round++) {
  const writer = threads[round % 4]!;
  const [onDisk, memory] = await increment(writer);
  written++;
  if (onDisk !== written) throw new Error(`${onDisk} instead of ${written}`);
  inMemory = Math.max(inMemory, memory ?? 0);
  for (const thread of threads) {
    for (let again = 0; again < 2; again++) if ((await read(thread)) !== written) stale++;
  }
}

let produced = 0;
const values = await Promise.all(
  threads.map(thread =>
    thread.run(async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'disk' });
      let count = 0;
      const value = await cache.getOrSet('produced', async () => {
        count++;
        await new Promise(resolve => setTimeout(resolve, 20));
        return 'value';
      });
      return { value, count };
    }, cacheRoot),
  ),
);
for (const { count } of values) produced += count;

const late = when === 'afterwards' ? await load() : undefined;
const library = early ?? late;
const here = library?.createDefaultCache({ cacheRoot, tag: 'disk' });
let staleHere = 0;
if (here) {
  await here.get('count');
  // Each thread has discovered this one, and this one them, after a few turns of their event loops.
  for (let turn = 0; turn < 5; turn++) {
    await Promise.all(
      threads.map(thread => thread.run(() => new Promise<void>(resolve => setImmediate(resolve)))),
    );
  }
  for (let round = 0; round < 20; round++) {
    await increment(threads[round % 4]!);
    written++;
    for (let again = 0; again < 2; again++) if ((await here.get('count')) !== written) staleHere++;
  }
}
await Promise.all(threads.map(thread => thread.terminate()));
console.log(JSON.stringify({ stale, staleHere, inMemory, produced }));
