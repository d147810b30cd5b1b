// The scan of serialized values before they are deserialized: their declared sizes may not cost more than their bytes.
import { Serializer } from 'node:v8';
import test from 'ava';
import fc from 'fast-check';
import { decode, Encoding, encode } from '../../../src/cache/values/codec.ts';
import { UncloneableValueError } from '../../../src/index.ts';
import { runs } from '../../support/extent.ts';

/** Makes the bytes suspicious, so that all of them are scanned. */
const suspicious = Buffer.from([0x61, 0x80, 0x80, 0x80]);

function holes(length: number): unknown[] {
  const array: unknown[] = [];
  array.length = length;
  return array;
}

function serialized(value: unknown): Buffer {
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

test('an array that is mostly holes is refused when it is stored, and when it was planted', t => {
  for (const value of [holes(5_000_000), [{ deep: new Map([[1, holes(33_000_000)]]) }], holes(2 ** 32 - 1)]) {
    t.throws(() => encode(value), { instanceOf: UncloneableValueError, message: /holes/ });
    t.throws(() => decode(Encoding.structured, serialized(value)), { message: /holes/ });
  }
  const many = Array.from({ length: 100 }, () => holes(100_000));
  t.throws(() => decode(Encoding.structured, serialized(many)), { message: /holes/ });
  const cause = new Error('outer', { cause: [new Error('inner', { cause: holes(5_000_000) })] });
  t.throws(() => decode(Encoding.structured, serialized(cause)), { message: /holes/ });
});

test('an array with some holes, or with many items, is stored as it is', t => {
  const some = Object.assign(holes(100_000), { 7: 'seven', 99999: 'last', name: 'property' });
  t.deepEqual(decode(Encoding.structured, encode(some).data), some);
  const full = Array.from({ length: 300_000 }, (_, index) => index);
  t.deepEqual(decode(Encoding.structured, encode(full).data), full);
});

test('every kind of value passes, whatever comes before and after it', t => {
  const fixed: unknown[] = [
    new Error('plain'),
    new TypeError('with a cause', {
      cause: { list: [new RangeError('inner'), 1, new Map([[1, new Set([2])]])] },
    }),
    Object.assign(new Error('twice'), { stack: undefined }),
    [new Error('a'), new Error('a'), 'after'],
    /a+/giu,
    [Object(1), Object('é'), Object(1n), Object(true), Object('😀')],
    [1n, -(2n ** 200n), -0, 1.5, Number.NaN, 2 ** 31, -1, undefined, null, true, false],
    [new ArrayBuffer(3), new ArrayBuffer(3, { maxByteLength: 9 }), new DataView(new ArrayBuffer(4), 1)],
    [new Uint8Array(3), new Float64Array(2), Buffer.from('text'), new BigInt64Array(1)],
    ['é', '😀', 'plain', 'x'.repeat(200), 'é😀'.repeat(100)],
    Object.assign(holes(50), { 3: 1, more: new Date(5) }),
    Object.assign([1, 2, 3], { name: 'x' }),
  ];
  const check = (value: unknown) => {
    const all = { suspicious, before: value, array: [value, suspicious, value], after: 1 };
    t.notThrows(() => decode(Encoding.structured, encode(all).data));
  };
  fixed.forEach(check);
  check(fixed);
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withBoxedValues: true,
    withUnicodeString: true,
    maxDepth: 4,
  });
  fc.assert(
    fc.property(anything, value => {
      try {
        encode(value);
      } catch {
        // Refused for storing, whatever is beside it.
        return;
      }
      check(value);
    }),
    { numRuns: runs(300, 1500), seed: 3 },
  );
});
