// Measures each multi-entry operation on all entries, and how long it blocks the event loop. Its one argument is a
// ManyEntriesTask as JSON; it prints a ManyEntriesReply.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createDefaultCache } from '../../src/index.ts';
import { withLoopDelay } from '../loop-delay.ts';
import { ByteValues } from '../values.ts';

export interface ManyEntriesTask {
  directory: string;
  backend: 'sqlite' | 'memory';
  entries: number;
  /** Size of values in bytes. */
  valueSize: number;
}

/** Duration of one operation, and the longest blocking of the event loop, in milliseconds. */
export interface OperationTimes {
  operation: string;
  total: number;
  longest: number;
}

export type ManyEntriesReply = OperationTimes[];

// Keeps deferred work of one operation out of the next one's time.
const BREAK_MS = 20;

const { directory, backend, entries, valueSize } = JSON.parse(process.argv[2]!) as ManyEntriesTask;
const cache = createDefaultCache({ cacheRoot: directory, tag: backend, backend, maxSize: '64GB' });
const values = new ByteValues(valueSize);
const keys = Array.from({ length: entries }, (_, index) => `target/${index}/firmware`);

function* pairs(version: number): Generator<[string, Buffer]> {
  for (const [index, key] of keys.entries()) yield [key, values.make(index, version)];
}

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let number = 0;
  for await (const _ of items) number++;
  return number;
}

const operations: Record<string, () => Promise<unknown>> = {
  setMany: () => cache.setMany(pairs(1)).then(isStored => isStored && entries),
  'setMany, replacing': () => cache.setMany(pairs(2)).then(isStored => isStored && entries),
  getMany: async () => (await cache.getMany(keys)).size,
  keys: () => count(cache.keys()),
  entries: () => count(cache.entries()),
  check: async () => (await cache.check()).entries,
  stats: async () => (await cache.stats()).count,
  deleteMany: () => cache.deleteMany(keys),
  'cleanup, giving the space back': async () => {
    await cache.cleanup();
    return isFileSmall() ? entries : 0;
  },
  'setMany again': () => cache.setMany(pairs(3)).then(isStored => isStored && entries),
  clear: () => cache.clear(),
};

// The file then has less left than the keys of the deleted entries alone took.
function isFileSmall(): boolean {
  if (backend === 'memory') return true;
  return statSync(join(directory, backend, 'cache.db')).size < Math.max(entries * 20, 1024 * 1024);
}

await cache.stats();
const reply: ManyEntriesReply = [];
for (const [operation, work] of Object.entries(operations)) {
  await setTimeout(BREAK_MS);
  const began = performance.now();
  const { result, delay } = await withLoopDelay(async () => {
    const found = await work();
    const ended = performance.now();
    // Blocking is measured only when the loop runs again.
    await setTimeout(BREAK_MS);
    return { found, total: ended - began };
  });
  if (result.found !== entries)
    throw new Error(`${operation} came to ${result.found} of ${entries} entries.`);
  reply.push({ operation, total: result.total, longest: delay.max });
}
await cache.close();
console.log(JSON.stringify(reply));
