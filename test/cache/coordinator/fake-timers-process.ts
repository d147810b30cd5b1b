// Uses every operation of a cache under fake time, as users' tests do, and again under real time.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import FakeTimers from '@sinonjs/fake-timers';

// Fake time as jest does it, as vitest does it, and a time that is years away from the real one.
const fakings: Record<string, object> = {
  all: {},
  some: {
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
      'Date',
    ],
  },
  past: { now: Date.UTC(2000, 0, 1) },
  future: { now: Date.UTC(2100, 0, 1) },
};

const [cacheRoot, faking, when] = process.argv.slice(2) as [string, string, string];
const source = join(mkdtempSync(join(tmpdir(), 'glovebox-fake-')), 'source');
writeFileSync(source, 'file');

// Test runners load the library long before they fake anything.
await import('node:timers');
const install = () => FakeTimers.install({ now: Date.now(), ...fakings[faking] });
const early = when === 'before the import' ? install() : undefined;
const { createDefaultCache } = await import('../../../src/index.ts');
const clock = early ?? install();

async function use(tag: string): Promise<void> {
  const cache = createDefaultCache({ cacheRoot, tag });
  const ok = [
    await cache.set('small', 1),
    await cache.set('large', Buffer.alloc(200_000, 1)),
    await cache.putFile('file', source),
    (await cache.getOrSet('produced', () => 2)) === 2,
    (await cache.increment('count')) === 1,
    (await cache.get('small')) === 1,
    (await cache.get<Buffer>('large'))?.length === 200_000,
    await cache.getFile('file', `${source}-out`),
    (await Array.fromAsync(cache.keys())).length === 5,
    (await cache.metadata('small'))?.kind === 'value',
    (await cache.check()).problems.length === 0,
    (await cache.cleanup()) === 0,
    await cache.delete('small'),
    (await cache.clear()) === 4,
  ];
  await cache.close();
  if (!ok.every(Boolean)) throw new Error(`${tag}: ${ok.join()}`);
}

await use('fake');
// A worker thread asks this one for operations that it cannot do itself.
const worker = new Worker(
  `import('${new URL('../../../src/index.ts', import.meta.url)}').then(async ({ createDefaultCache }) => {
    const cache = createDefaultCache({ cacheRoot: ${JSON.stringify(cacheRoot)}, tag: 'thread' });
    await cache.set('large', Buffer.alloc(200_000));
    await cache.getOrSet('produced', () => 1);
  });`,
  { eval: true },
);
await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
const thread = createDefaultCache({ cacheRoot, tag: 'thread' });
if ((await thread.stats()).count !== 2) throw new Error('The thread has stored nothing.');
clock.uninstall();
await use('real');
console.log('done');
