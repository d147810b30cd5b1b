import test from 'ava';
import fc from 'fast-check';
import { compareKeys, indexFrom, sortKeys } from '../../../src/cache/storage/sorted-keys.ts';

// Including characters whose order in UTF-16 differs from that of their bytes.
const text = fc.string({
  unit: fc.constantFrom('a', 'b', '\u{e000}', '\uffff', '\u{10000}', '\u{1f3b9}', 'é'),
});

function byBytes(a: string, b: string): number {
  return Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

test('keys are compared by their bytes in UTF-8', t => {
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareKeys(a, b)) === byBytes(a, b)));
  t.pass();
});

test('any number of keys is kept sorted, and each is found in its place', async t => {
  for (const count of [0, 1, 2047, 2048, 2049, 9000]) {
    const keys = Array.from({ length: count }, (_, index) => `${(index * 7919) % count}\u{1f3b9}`);
    const sorted = await sortKeys(new Set(keys));
    t.deepEqual(sorted, keys.toSorted(byBytes));
    for (const key of sorted.slice(0, 50)) t.is(sorted[indexFrom(sorted, key)], key);
    t.is(indexFrom(sorted, '\u{10ffff}'), count);
  }
});
