// Opens a filled store and sets new keys for a while, which evicts older entries. Its one argument is a GrowthTask as
// JSON; it prints a GrowthReply.
import { createDefaultCache } from '../../src/index.ts';
import { Histogram } from '../histogram.ts';
import { TAG } from '../peers/glovebox.ts';
import { ByteValues } from '../values.ts';

export interface GrowthTask {
  directory: string;
  /** Size of values in bytes. */
  valueSize: number;
  /** Size limit of the store in bytes; undefined for no effective limit. */
  maxSize: number | undefined;
  milliseconds: number;
  /** Round number from 0. The process first reads the mark of the previous round. */
  round: number;
}

export interface GrowthReply {
  /** Milliseconds from opening the cache to the first entry read. */
  opening: number;
  /** Durations of the sets. */
  sets: { count: number; p50: number; p99: number };
  /** Number of entries evicted meanwhile. */
  evictions: number;
  /** Entries and bytes stored at the end, after pending evictions. */
  count: number;
  size: number;
}

// Key that each round writes for the next to verify.
const MARK = 'mark';
// Number of keys of a round that are verified at its end.
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

// The first write also prepares later ones, so it is not measured.
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
