// Fuzzer of stored data: it mutates a cache at random from a seed and reads it, in its own process, which may not grow
// or crash. Arguments: directory, seed, rounds. Prints its counts as JSON, and fails at the first value that was never
// stored.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import Sqlite from 'better-sqlite3';
import { checksum, decode, Encoding, encode } from '../../../src/cache/values/codec.ts';
import { createDefaultCache, GloveboxError } from '../../../src/index.ts';
import { randomFrom } from '../damage/damages.ts';
import { fillWith, KEYS, valueFor } from '../damage/filled.ts';

const [directory, seed, rounds] = process.argv.slice(2) as [string, string, string];
const random = randomFrom(Number(seed));
const below = (limit: number) => Math.floor(random() * limit);
const done = { decoded: 0, refused: 0, values: 0, right: 0, misses: 0 };
let highWater = 0;
const measure = () => {
  const { rss } = process.memoryUsage();
  highWater = Math.max(highWater, rss);
};

const cycle: Record<string, unknown> = { list: [1, 'two', 3n] };
cycle.self = cycle;
const samples: unknown[] = [
  cycle,
  { deep: { deeper: { deepest: [[[[[null]]]]] } } },
  Array.from({ length: 50 }, (_, index) => ({ index, text: `text ${index}`, half: index / 2 })),
  new Map<unknown, unknown>([
    ['key', new Set([1, 'a', { b: 2 }])],
    [{ object: true }, new Date(0)],
  ]),
  [new Uint8Array([1, 2, 3]), new Float64Array([1.5, -0, Number.NaN]), new BigUint64Array([1n, 2n ** 63n])],
  [Buffer.from('a buffer'), new DataView(new ArrayBuffer(16), 4, 8), new ArrayBuffer(9), new Int16Array(3)],
  [
    /regular(expression)*/giu,
    new Error('with a cause', { cause: new TypeError('inner') }),
    new RangeError('x'),
  ],
  [Object(1), Object('boxed'), Object(2n), Object(true), undefined, null, -1, 2 ** 31, 1e308, 'é😀'],
  [123456789012345678901234567890n, -(2n ** 200n), 0n],
  // Sparse: stored as a length and the existing items.
  Object.assign([], { 0: 1, 5000: 2 }),
  'text'.repeat(20).split(''),
];
const stored = samples.map(sample => Buffer.from(encode(sample).data as Uint8Array));

/** A few mutations: flipped bits, special bytes, and pieces that are removed, doubled, or copied from elsewhere. */
function mutate(bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let count = 1 + below(4); count > 0 && mutated.length > 0; count--) {
    const at = below(mutated.length);
    const length = 1 + below(8);
    const special = [0, 1, 0x7f, 0x80, 0xff, 0x41, 0x5c, 0x42, 0x56, 0x6f, 0x7b];
    switch (below(7)) {
      case 0:
        mutated[at]! ^= 1 << below(8);
        break;
      case 1:
        mutated[at] = special[below(special.length)]!;
        break;
      case 2:
        mutated[at] = below(256);
        break;
      case 3:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + length)]);
        break;
      case 4:
        mutated = Buffer.concat([
          mutated.subarray(0, at),
          mutated.subarray(at, at + length),
          mutated.subarray(at),
        ]);
        break;
      case 5: {
        // Terminates a varint as late as possible: the largest lengths there are.
        const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
        mutated = Buffer.concat([mutated.subarray(0, at), huge, mutated.subarray(at + below(6))]);
        break;
      }
      default: {
        const other = stored[below(stored.length)]!;
        const from = below(other.length);
        mutated = Buffer.concat([
          mutated.subarray(0, at),
          other.subarray(from, from + 4 * length),
          mutated.subarray(at),
        ]);
      }
    }
  }
  return mutated;
}

/** The result is plain data: anything that ran, or could be called, would be seen here. */
function assertInert(value: unknown): void {
  const seen = new Set<unknown>();
  const stack = [value];
  for (let next = stack.pop(); stack.length > 0 || next !== undefined; next = stack.pop()) {
    if (typeof next === 'function' || typeof next === 'symbol')
      throw new Error('Something that can run was stored.');
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    if (seen.size > 10_000) return;
    for (const { value: item, get } of Object.values(Object.getOwnPropertyDescriptors(next)).slice(0, 1000)) {
      if (get !== undefined && !(next instanceof Error)) throw new Error('An accessor was stored.');
      stack.push(item);
    }
    if (next instanceof Map) stack.push(...next.keys(), ...next.values());
    if (next instanceof Set) stack.push(...next);
  }
}

function fuzzDecoding(times: number): void {
  for (let count = 0; count < times; count++) {
    const bytes =
      below(20) === 0
        ? Buffer.from(Array.from({ length: below(200) }, () => below(256)))
        : mutate(stored[below(stored.length)]!);
    try {
      const value = decode(Encoding.structured, bytes);
      done.decoded++;
      if (!ArrayBuffer.isView(value)) assertInert(value);
    } catch (error) {
      if (!(error instanceof Error) || / was stored\.$/.test(error.message)) throw error;
      done.refused++;
    }
    if (count % 1000 === 0) measure();
  }
}

const source = join(directory, 'source');
const tag = 'fuzz';
const filled = createDefaultCache({ cacheRoot: source, tag, policy: 'none' });
await fillWith(filled, 'ours');
for (const [index, sample] of samples.entries()) await filled.set(`sample-${index}`, sample);
await filled.close();

/** Opens a copy after `damage`, and reads everything: each value is the stored one, or a miss. */
async function fuzzFiles(round: number, damage: (place: string) => void): Promise<void> {
  const cacheRoot = join(directory, `round-${round}`);
  await cp(source, cacheRoot, { recursive: true });
  damage(join(cacheRoot, tag));
  const cache = createDefaultCache({ cacheRoot, tag, policy: 'none', localTierSize: 0 });
  try {
    const found = await cache.getMany(KEYS);
    for (const [key, value] of found) {
      if (!isDeepStrictEqual(value, valueFor(key, 'ours')))
        throw new Error(`${key} has a value that was never stored.`);
    }
    done.right += found.size;
    done.misses += KEYS.length - found.size;
    for (let index = 0; index < samples.length; index++) {
      const value = await cache.get(`sample-${index}`);
      if (value !== undefined) assertInert(value);
      done.values++;
    }
    for await (const [key] of cache.entries()) await cache.metadata(key);
    await cache.getFile(KEYS[below(KEYS.length)]!, join(cacheRoot, 'destination')).catch((error: unknown) => {
      if (!(error instanceof GloveboxError)) throw error;
    });
    await cache.getOrSet('key-0', () => 'produced');
    await cache.check();
    if (!(await cache.set('after', round)) || (await cache.get('after')) !== round) {
      throw new Error('Nothing can be stored any more.');
    }
  } finally {
    await cache.close();
    await rm(cacheRoot, { recursive: true });
  }
  measure();
}

function inDatabase(place: string): void {
  const file = join(place, 'cache.db');
  const bytes = readFileSync(file);
  for (let count = 1 + below(30); count > 0; count--) bytes[below(bytes.length)]! ^= 1 << below(8);
  writeFileSync(file, bytes);
}

function inBlob(place: string): void {
  const blobs = join(place, 'blobs');
  for (const shard of readdirSync(blobs).filter(name => name !== 'tmp')) {
    for (const name of readdirSync(join(blobs, shard))) {
      const path = join(blobs, shard, name);
      if (below(2) === 0) writeFileSync(path, mutate(readFileSync(path)));
    }
  }
}

// A skilled attacker: the checksum is right, and only the bytes are invalid.
function inValues(place: string): void {
  const database = new Sqlite(join(place, 'cache.db'));
  const update = database.prepare('UPDATE entries SET value = ?, checksum = ? WHERE key = ?');
  for (const [index, bytes] of stored.entries()) {
    const data = mutate(bytes);
    const key = `sample-${index}`;
    update.run(data, checksum(key, { encoding: Encoding.structured, data, blob: null, mode: null }), key);
  }
  database.close();
}

const damages = [inDatabase, inBlob, inValues];
for (let round = 0; round < Number(rounds); round++) {
  // Each costs as much as the largest array that a few bytes may ask for.
  fuzzDecoding(200);
  await fuzzFiles(round, damages[round % damages.length]!);
}
process.stdout.write(JSON.stringify({ ...done, megabytes: Math.round(highWater / 2 ** 20) }));
