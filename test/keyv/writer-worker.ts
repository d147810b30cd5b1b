// A thread that writes through Keyv, one key at a time and several at once, and logs acknowledged writes to a file.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import Keyv from 'keyv5';
import { KeyvGlovebox } from '../../src/keyv.ts';

const { root, name, count } = workerData as { root: string; name: string; count: number };
const keyv = new Keyv({ store: new KeyvGlovebox({ cacheRoot: root }), namespace: 'shared' });
const acknowledge = (key: string) => appendFileSync(join(root, `${name}.acknowledged`), `${key}\n`);

for (let index = 0; index < count; index += 3) {
  const [first, second, third] = [index, index + 1, index + 2].map(one => `${name}-${one}`);
  if (await keyv.set(first!, { stored: first })) acknowledge(first!);
  const both = [second!, third!];
  const stored = await keyv.setMany(both.map(key => ({ key, value: { stored: key } })));
  for (const [position, isStored] of stored.entries()) if (isStored) acknowledge(both[position]!);
}
await keyv.disconnect();
