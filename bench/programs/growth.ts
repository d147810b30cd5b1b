// A process that opens a filled store, and sets new keys in it for a while, for which older entries have to go.
// Its one argument is a GrowthTask as JSON; it prints a GrowthReply.
import { createDefaultCache } from '../../src/index.ts';
import { Histogram } from '../histogram.ts';
import { TAG } from '../peers/glovebox.ts';
import { ByteValues } from '../values.ts';

export interface GrowthTask {
  directory: string;
  /** Of the values, in bytes. */
  valueSize: number;
  /** The limit of the store, in bytes; undefined for more than there will ever be. */
  maxSize: number | undefined;
  milliseconds: number;
  /** Counts up from 0: what the run before left is read first. */
  round: number;
}

export interface GrowthReply {
  /** From before the cache was asked for to when the first entry was read, in milliseconds. */
  opening: number;
  /** How long each set took. */
  sets: { count: number; p50: number; p99: number };
  /** Entries that went meanwhile. */
  evictions: number;
  /** Entries, and bytes stored, at the end, after what was still to be evicted has gone. */
  count: number;
  size: number;
}

// The key that each round leaves for the next.
const MARK = 'mark';
// Keys of a round that are read again at its end.
const SAMPLES = 100;

const { directory, valueSize, maxSize, milliseconds, round } = JSON.parse(process.argv[2]!) as GrowthTask;
const values = new ByteValues(valueSize);

const began = performance.now();
const cache = createDefaultCache({
  cacheRoot: directory,
  tag: TAG,
  maxSize: maxSize ?? '64GB',
  localTierSize: 0,
});
const mark = await cache.get(MARK);
const opening = performance.now() - began;
if (round > 0 && values.versionOf(0, mark, true) !== round) throw new Error('The mark is not the one left.');

// The first write also prepares for all that follow: it is not one like the others.
await store(MARK, round);

const histogram = new Histogram();
const nameOf = (index: number) => `round/${round}/target/${index}/firmware`;
const deadline = performance.now() + milliseconds;
let index = 0;
let started = performance.now();
while (started < deadline) {
  await store(nameOf(index), round, index);
  const ended = performance.now();
  histogram.record(ended - started);
  index++;
  started = ended;
}
for (let key = Math.max(0, index - SAMPLES); key < index; key++) {
  if (values.versionOf(key, await cache.get(nameOf(key)), true) !== round) {
    throw new Error(`Key ${key} is of another round.`);
  }
}
await store(MARK, round + 1);
const { evictions } = await cache.stats();
await cache.cleanup();
const { count, size } = await cache.stats();
await cache.close();
const sets = { count: histogram.count, p50: histogram.percentile(50), p99: histogram.percentile(99) };
const reply: GrowthReply = { opening, sets, evictions, count, size };
console.log(JSON.stringify(reply));

async function store(name: string, version: number, key = 0): Promise<void> {
  if (!(await cache.set(name, values.make(key, version)))) throw new Error(`${name} was not stored.`);
}
