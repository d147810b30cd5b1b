import test from 'ava';
import fc from 'fast-check';
import { checksum, decode, Encoding, encode } from '../../../src/cache/values/codec.ts';
import { inspectValue } from '../../../src/cache/values/uncloneable.ts';
import { runs } from '../../support/extent.ts';

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
});

test('any cloneable value is read back as structured cloning would copy it', t => {
  fc.assert(
    fc.property(anything, value => {
      const { encoding, data } = encode(value);
      t.deepEqual(decode(encoding, data), structuredClone(value));
    }),
    { numRuns: runs(60, 300) },
  );
});

test('the decoded value shares no memory with the stored one', t => {
  for (const value of [Buffer.from('bytes'), new Uint8Array([1, 2, 3])]) {
    const { encoding, data } = encode(value);
    const stored = Buffer.from(data as Uint8Array);
    const first = decode(encoding, stored) as Uint8Array;
    first.fill(0);
    t.deepEqual(decode(encoding, stored), value);
  }
});

test('invalid bytes are an error, never a crash, and never executed', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(6), (bytes, encoding) => {
      try {
        decode(encoding, bytes);
      } catch (error) {
        return error instanceof Error;
      }
      return true;
    }),
    { numRuns: runs(100, 500) },
  );
  t.pass();
});

test('the size estimate before encoding never exceeds the encoded bytes', t => {
  const shared = new ArrayBuffer(1000);
  const values = [
    [new Uint8Array(shared), new Float64Array(shared), shared, new DataView(shared)],
    { text: 'x'.repeat(1000), same: shared, again: shared },
    [Buffer.alloc(1000), Buffer.alloc(1000).subarray(10)],
    new Map([['x'.repeat(1000), new Set(['y'.repeat(1000)])]]),
  ];
  for (const value of values) {
    const { bytes } = inspectValue(value);
    t.true(bytes >= 1000, String(bytes));
    t.true(bytes <= encode(value).data.length, String(bytes));
  }
});

test('the checksum detects a changed value, one under another key, and one that would be decoded in another way', t => {
  const value = { encoding: Encoding.buffer, data: Buffer.from('value'), blob: null, mode: null };
  const sum = checksum('key', value);
  t.is(checksum('key', { ...value, data: Buffer.from('value') }), sum);
  const others = [
    checksum('kez', value),
    checksum('key', { ...value, data: Buffer.from('valve') }),
    checksum('key', { ...value, encoding: Encoding.uint8Array }),
    checksum('key', { ...value, mode: 0o644 }),
    checksum('key', { ...value, data: null, blob: 'a'.repeat(64) }),
    checksum('key', { ...value, data: null, blob: 'b'.repeat(64) }),
  ];
  t.is(new Set([sum, ...others]).size, 7);
});
