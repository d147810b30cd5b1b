// The shared tier: copies in memory that all threads share. A copy is whole and of the requested version, or absent.
import { Worker } from 'node:worker_threads';
import test from 'ava';
import type { FoundValue } from '../../../src/cache/operations.ts';
import { SharedTier } from '../../../src/cache/shared/shared-tier.ts';
import { hashOf } from '../../../src/cache/shared/versions.ts';
import { checksum, Encoding } from '../../../src/cache/values/codec.ts';
import { runs } from '../../support/extent.ts';

const MIB = 1024 * 1024;

function value(key: string, data: string | Buffer, expires: number | null = null): FoundValue {
  const encoding = typeof data === 'string' ? Encoding.text : Encoding.buffer;
  const rest = { encoding, data, blob: null, mode: null };
  return { ...rest, size: Buffer.byteLength(data), checksum: checksum(key, rest), expires };
}

test('a copy that one thread puts is the same when another one gets it', t => {
  const tier = new SharedTier();
  const other = new SharedTier(tier.buffer);
  for (const [key, stored] of [
    ['text', value('text', 'grüße, 世界 🌍', 42)],
    ['bytes', value('bytes', Buffer.from([0, 255, 128, 7]))],
    ['empty', value('empty', '')],
    ['ключ 🔑', value('ключ 🔑', Buffer.alloc(10_000, 'x'))],
  ] as const) {
    tier.put(key, hashOf(key), 3, stored);
    t.deepEqual(other.get(key, hashOf(key), 3), stored, key);
  }
});

test('a copy of another version or of another key is a miss', t => {
  const tier = new SharedTier();
  tier.put('a', 1, 1, value('a', 'one'));
  t.is(tier.get('a', 1, 2), undefined);
  t.is(tier.get('b', 1, 1), undefined);
  t.is(tier.get('a', 2, 1), undefined);
  t.is(tier.get('a', 1, 1)?.data, 'one');
  tier.put('a', 1, 2, value('a', 'two'));
  t.is(tier.get('a', 1, 1), undefined);
  t.is(tier.get('a', 1, 2)?.data, 'two');
});

test('versions may have any size', t => {
  const tier = new SharedTier();
  tier.put('a', -5, -(2 ** 31), value('a', 'one'));
  t.is(tier.get('a', -5, -(2 ** 31))?.data, 'one');
});

test('keys with the same hash stay apart', t => {
  const tier = new SharedTier();
  for (const key of ['a', 'b']) tier.put(key, 9, 1, value(key, key));
  const found = ['a', 'b'].map(key => tier.get(key, 9, 1)?.data);
  // One may have replaced the other.
  t.true(found.includes('b'));
  t.true(found[0] === undefined || found[0] === 'a');
});

test('the memory is bounded: the oldest copies are dropped, the newest stay', t => {
  const tier = new SharedTier();
  const data = Buffer.alloc(MIB / 2, 'x');
  for (let index = 0; index < 100; index++) {
    tier.put(`key ${index}`, hashOf(`key ${index}`), 1, value(`key ${index}`, data));
  }
  t.is(tier.get('key 0', hashOf('key 0'), 1), undefined);
  t.deepEqual(tier.get('key 99', hashOf('key 99'), 1)?.data, data);
  t.true(tier.buffer.byteLength < 18 * MIB);
});

test('a value that is too large, or does not have its declared size, is not kept', t => {
  const tier = new SharedTier();
  tier.put('large', 1, 1, value('large', Buffer.alloc(2 * MIB)));
  tier.put('lying', 2, 1, { ...value('lying', Buffer.alloc(10)), size: 1_000_000_000 });
  tier.put('short', 3, 1, { ...value('short', Buffer.alloc(10)), size: 5 });
  t.is(tier.get('large', 1, 1), undefined);
  t.is(tier.get('lying', 2, 1), undefined);
  t.is(tier.get('short', 3, 1), undefined);
  tier.put('next', 4, 1, value('next', 'fine'));
  t.is(tier.get('next', 4, 1)?.data, 'fine');
});

test('a thread that ends in the middle of a put does not block the others', t => {
  const tier = new SharedTier();
  const words = new Int32Array(tier.buffer);
  // As if thread 41 were in the middle of a put.
  Atomics.store(words, 0, 42);
  tier.put('a', 1, 1, value('a', 'one'));
  t.is(tier.get('a', 1, 1), undefined);
  tier.onThreadExit(40);
  tier.put('a', 1, 1, value('a', 'one'));
  t.is(tier.get('a', 1, 1), undefined);
  tier.onThreadExit(41);
  tier.put('a', 1, 1, value('a', 'one'));
  t.is(tier.get('a', 1, 1)?.data, 'one');
});

test('with any bytes in the memory, a read gives a copy or a miss', t => {
  const tier = new SharedTier();
  const words = new Int32Array(tier.buffer);
  let state = 1;
  for (let round = 0; round < 200; round++) {
    tier.put('a', 1, 1, value('a', `round ${round}`));
    for (let flips = 0; flips < 2000; flips++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      words[(state >>> 0) % 140_000] = state;
    }
    Atomics.store(words, 0, 0);
    const found = tier.get('a', 1, 1);
    if (found) t.is(typeof found.size, 'number');
  }
  t.pass();
});

test('concurrent puts and gets never see parts of two copies', async t => {
  const { buffer } = new SharedTier();
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    (async () => {
      const { SharedTier } = await import(${JSON.stringify(new URL('../../../src/cache/shared/shared-tier.ts', import.meta.url).href)});
      const { checksum } = await import(${JSON.stringify(new URL('../../../src/cache/values/codec.ts', import.meta.url).href)});
      const tier = new SharedTier(workerData.buffer);
      const torn = [];
      let found = 0;
      for (let turn = 0; turn < ${runs(1000, 4000)}; turn++) {
        const key = 'key ' + turn % 7;
        const data = Buffer.alloc(20000, turn & 255);
        const rest = { encoding: 2, data, blob: null, mode: null };
        tier.put(key, turn % 7, 1, { ...rest, size: data.length, expires: null, checksum: checksum(key, rest) });
        const copy = tier.get('key ' + (turn + 3) % 7, (turn + 3) % 7, 1);
        if (!copy) continue;
        found++;
        const isWhole = copy.data.every(byte => byte === copy.data[0]);
        if (!isWhole && checksum('key ' + (turn + 3) % 7, copy) === copy.checksum) torn.push(turn);
      }
      parentPort.postMessage({ torn, found });
    })();`;
  const results = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<{ torn: number[]; found: number }>((resolve, reject) => {
          new Worker(source, { eval: true, workerData: { buffer } })
            .once('message', resolve)
            .once('error', reject);
        }),
    ),
  );
  for (const { torn, found } of results) {
    t.deepEqual(torn, []);
    t.true(found > 0);
  }
});

test('a key that any thread has read recently is known, even among many others', t => {
  const tier = new SharedTier();
  const other = new SharedTier(tier.buffer);
  const hashes = Array.from({ length: 1000 }, (_, index) => hashOf(`key-${index}`));
  const isKnown = hashes.map(hash => tier.noteRead(hash));
  t.true(isKnown.filter(Boolean).length < 20);
  const again = hashes.map(hash => other.noteRead(hash));
  t.true(again.filter(Boolean).length > 950);
});
