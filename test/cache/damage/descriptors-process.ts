// A process that opens files until it reaches its limit, and then uses its cache.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createDefaultCache } from '../../../src/index.ts';

const [root, when] = process.argv.slice(2) as [string, 'before' | 'after' | 'again'];
const large = Buffer.alloc(80_000, 'large');
const options = { tag: 'descriptors', cacheRoot: root, localTierSize: 0 };
let cache = createDefaultCache(options);
if (when !== 'before') {
  await cache.set('large', large);
  await cache.set('small', 'small');
}
if (when === 'again') {
  await cache.close();
  cache = createDefaultCache(options);
}

const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));
const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch {
  // That was the last one.
}
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => 'resolved',
    (error: NodeJS.ErrnoException) => (String(error).includes('EMFILE') ? 'EMFILE' : String(error)),
  );
const outcomes = await Promise.all(
  [
    cache.get('small'),
    cache.get('large'),
    cache.set('new', 'new'),
    cache.set('new-large', large),
    cache.getOrSet('produced', () => 'product'),
    cache.getFile('large', join(root, 'destination')).catch(error => {
      if (error.code !== 'GLOVEBOX_WRONG_KIND') throw error;
    }),
  ].map(outcome),
);
for (const descriptor of held) closeSync(descriptor);

for (let works = false; !works; ) {
  works = await cache.set('again', 'again').catch(() => false);
  if (!works) await new Promise(resolve => setTimeout(resolve, 50));
}
const isThere =
  when === 'before' ||
  ((await cache.get('small')) === 'small' &&
    large.equals((await cache.get<Buffer>('large')) ?? Buffer.alloc(0)));
const works = (await cache.set('large', large)) && (await cache.get('again')) === 'again';
process.stdout.write(JSON.stringify({ outcomes, isThere, works, warnings }));
