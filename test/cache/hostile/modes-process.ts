// A process that uses a cache in every way, and records the modes of all files that it created.
import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlobFiles } from '../../../src/cache/storage/blobs.ts';
import { createDefaultCache } from '../../../src/index.ts';

const root = process.argv[2]!;
const cache = createDefaultCache({ tag: 'modes', cacheRoot: root });
await cache.set('small', 1);
await cache.set('large', Buffer.alloc(80_000));
await cache.putFile('file', process.argv[1]!);
await new BlobFiles(join(root, 'modes')).writeTemporary(Buffer.alloc(10));
const modes: Record<string, string> = {};
await cache.getOrSet('produced', () => {
  for (const name of ['', ...(readdirSync(root, { recursive: true }) as string[])]) {
    const facts = lstatSync(join(root, name));
    modes[name] = `${facts.isDirectory() ? 'directory' : 'file'} ${(facts.mode & 0o777).toString(8)}`;
  }
});
writeFileSync(join(root, '..', 'modes.json'), JSON.stringify(modes));
