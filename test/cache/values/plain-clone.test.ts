// Clones of plain nested values: equal to decoding again, and without anything in common with their source.
import { deserialize, serialize } from 'node:v8';
import test from 'ava';
import fc from 'fast-check';
import { clonePlain, isPlain } from '../../../src/cache/values/plain-clone.ts';

const decoded = (value: unknown): unknown => deserialize(serialize(value));

/** All objects in a value, at any depth. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

test('a plain value is cloned as it would be decoded, and shares nothing', t => {
  const anything = fc.object({ withBigInt: true, withSparseArray: true, withMap: true, withDate: true });
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), anything), original => {
      const value = decoded(original);
      if (!isPlain(value)) return;
      plain++;
      const copy = clonePlain(value);
      t.deepEqual(copy, decoded(original) as object);
      const mine = new Set(objectsIn(value));
      t.false(objectsIn(copy).some(object => mine.has(object)));
    }),
    { numRuns: 500 },
  );
  t.true(plain > 100, `${plain} of them were plain`);
});

test('the order of properties, undefined and negative zero are preserved', t => {
  const value = decoded({ b: 1, a: undefined, 7: -0, list: [undefined, null, [Number.NaN]] });
  t.true(isPlain(value));
  const copy = clonePlain(value as Record<string, unknown>);
  t.deepEqual(Object.keys(copy), ['7', 'b', 'a', 'list']);
  t.true(Object.is(copy['7'], -0));
  t.deepEqual(copy.list, [undefined, null, [Number.NaN]]);
});

test('a property called __proto__ stays a property', t => {
  const value = decoded(JSON.parse('{"__proto__": {"a": 1}}')) as object;
  t.true(isPlain(value));
  const copy = clonePlain(value);
  t.deepEqual(Object.keys(copy), ['__proto__']);
  t.is(Object.getPrototypeOf(copy), Object.prototype);
  t.is((copy as { a?: number }).a, undefined);
});

const shared = {};
const cycle: { self?: object } = {};
cycle.self = cycle;
const holed = [1, 2, 3];
delete holed[1];
const named: number[] & { name?: string } = [1];
named.name = 'list';
let deep: unknown = {};
for (let depth = 0; depth < 1000; depth++) deep = { deep };

for (const [what, value] of Object.entries({
  'a date': { at: new Date(0) },
  'a map': { map: new Map([[1, 2]]) },
  bytes: { bytes: Buffer.from('a') },
  'a regular expression': [/a/],
  'an error': [new Error('no')],
  'one object in two places': { a: shared, b: shared },
  'an object in itself': cycle,
  'a hole': { holed },
  'an array with a name': { named },
  'a thousand levels': deep,
  'a string': 'text',
  null: null,
})) {
  test(`${what} is decoded each time`, t => t.false(isPlain(decoded(value))));
}
