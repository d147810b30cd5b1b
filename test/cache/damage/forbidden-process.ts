// An unprivileged process whose cache directory becomes unreadable to it, and readable again.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDefaultCache } from '../../../src/index.ts';

const root = process.argv[2]!;
const directory = join(root, 'forbidden');
const blobs = join(directory, 'blobs');
let warnings = 0;
process.on('warning', ({ name }) => {
  if (name === 'GloveboxWarning') warnings++;
});

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise(resolve => setTimeout(resolve, 50));
}

const large = Buffer.alloc(80_000, 'large');
const source = join(root, '..', 'source');
writeFileSync(source, large);
const cache = createDefaultCache({ tag: 'forbidden', cacheRoot: root, localTierSize: 0 });
const report: Record<string, unknown> = {};
const file = () => cache.getFile('file', join(root, '..', 'destination'));
const isLarge = async () => large.equals((await cache.get<Buffer>('large')) ?? Buffer.alloc(0));

mkdirSync(root, { mode: 0 });
report.atStart = {
  set: await cache.set('key', 'value'),
  get: await cache.get('key', 'missed'),
  enabled: (await cache.stats()).enabled,
};

chmodSync(root, 0o700);
await until(() => cache.set('key', 'value'));
report.afterwards = { set: await cache.set('large', large), get: await cache.get('key') };
await cache.putFile('file', source);

chmodSync(directory, 0);
await until(async () => !(await cache.set('other', 0)));
report.running = {
  set: await cache.set('key', 'other'),
  get: await cache.get('key', 'missed'),
  large: await cache.get('large', 'missed'),
  file: await file(),
};

chmodSync(directory, 0o700);
await until(() => cache.set('other', 1));
report.again = { set: true, get: await cache.get('key'), large: await isLarge(), file: await file() };

chmodSync(blobs, 0);
report.unreadableBlobs = {
  set: await cache.set('other', 2),
  get: await cache.get('key'),
  large: await cache.get('large', 'missed'),
};

chmodSync(blobs, 0o700);
// An entry considered damaged would be removed before this one is stored.
await cache.set('other', 3);
report.atLast = { large: await isLarge() };
// Warnings arrive one turn of the event loop later.
await new Promise(setImmediate);
process.stdout.write(JSON.stringify({ ...report, warnings }));
