// A process that stores and reads more large values and files at once than it may have files open.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey, createDefaultCache, fileContent } from '../../../src/index.ts';

const [root, count, size] = process.argv.slice(2) as [string, string, string];
const cache = createDefaultCache({ cacheRoot: join(root, 'cache'), tag: 'many', localTierSize: 0 });
const numbers = Array.from({ length: Number(count) }, (_, index) => index);
const makeValue = (number: number) => Buffer.alloc(Number(size), `value ${number}`);
const source = join(root, 'source');
await writeFile(source, makeValue(0));

/** How many of these concurrent operations had the right result. */
async function counted(work: (number: number) => Promise<boolean>): Promise<number> {
  const outcomes = await Promise.all(numbers.map(number => work(number).catch(() => false)));
  return outcomes.filter(isRight => isRight).length;
}

const right = {
  set: await counted(number => cache.set(`value-${number}`, makeValue(number))),
  get: await counted(async number =>
    makeValue(number).equals((await cache.get(`value-${number}`)) as Buffer),
  ),
  getMany: (await cache.getMany(numbers.map(number => `value-${number}`))).size,
  putFile: await counted(number => cache.putFile(`file-${number}`, source)),
  getFile: await counted(number => cache.getFile(`file-${number}`, join(root, `target-${number}`))),
  cacheKey: await counted(async () => (await cacheKey(fileContent(source))).length === 64),
};
await cache.close();
process.stdout.write(JSON.stringify(right));
