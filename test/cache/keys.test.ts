import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { cacheKey, fileContent, InvalidArgumentError, type KeyPart } from '../../src/index.ts';
import { runs } from '../support/extent.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('a key is the same in every process and release', async t => {
  const key = await cacheKey(
    'target',
    1.5,
    -0,
    7n,
    true,
    null,
    undefined,
    new Uint8Array([1, 2]),
    ['a', ['b']],
    { z: 1, a: { y: 'grüße', x: undefined } },
  );
  t.is(key, 'b364d1dd1e80385954223c72f730da413c7ae2468682d192f62046e919f71f66');
});

const part = fc.letrec<{ part: KeyPart }>(tie => ({
  part: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('part') as fc.Arbitrary<KeyPart>, { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('part') as fc.Arbitrary<KeyPart>, { maxKeys: 4 }),
  ) as fc.Arbitrary<KeyPart>,
})).part;

/** The same value with its objects' properties in the opposite order. */
function reordered(value: KeyPart): KeyPart {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const entries = Object.entries(value as Record<string, KeyPart>).toReversed();
  const copy: Record<string, KeyPart> = Object.create(null);
  for (const [name, item] of entries) copy[name] = reordered(item);
  return copy;
}

/** Text that is equal exactly for values with the same key. */
function canonical(value: KeyPart): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).sort();
    return `{${names.map(name => `${JSON.stringify(name)}:${canonical((value as Record<string, KeyPart>)[name])}`).join()}}`;
  }
  return `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`;
}

test('the order of properties does not matter, anywhere in a part', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), async parts => {
      const key = await cacheKey(...parts);
      return key === (await cacheKey(...parts.map(reordered))) && /^[0-9a-f]{64}$/.test(key);
    }),
    { numRuns: runs(60, 300) },
  );
  t.pass();
});

test('different parts have different keys', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 3 }), fc.array(part, { maxLength: 3 }), async (a, b) => {
      return canonical(a) === canonical(b) || (await cacheKey(...a)) !== (await cacheKey(...b));
    }),
    { numRuns: runs(60, 300) },
  );
  const alike: KeyPart[][] = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc'],
    [['ab', 'c']],
    [['ab'], 'c'],
    [1],
    ['1'],
    [1n],
    [true],
    ['true'],
    [null],
    [undefined],
    ['null'],
    [],
    [''],
    ['', ''],
    [[]],
    [{}],
    [[[]]],
    [0],
    [-0],
    [Number.NaN],
    ['NaN'],
    [Infinity],
    [{ a: undefined }],
    [{ a: 1 }, { b: 2 }],
    [{ a: 1, b: 2 }],
    [{ a: { b: 2 } }],
    [new Uint8Array([49])],
    [new Uint8Array()],
    ['s1:a'],
    ['é'],
    ['e\u0301'],
    ['\ud800'],
    ['\udfff'],
    ['\ufffd'],
    ['a\ud800'],
    ['\udfff', '\ud800'],
    ['\ud800', '\udfff'],
    ['\ud800\udfff'],
    [{ '\ud800': 1 }],
    [{ '\udfff': 1 }],
    [new Uint8Array([0, 0xd8])],
  ];
  t.is(new Set(await Promise.all(alike.map(parts => cacheKey(...parts)))).size, alike.length);
});

test('parts of another realm, as test runners have them, are digested like those of this one', async t => {
  const parts = runInNewContext("[{ a: [1, 'x'] }, new Uint8Array([1, 2])]") as [KeyPart, KeyPart];
  t.is(await cacheKey(...parts), await cacheKey({ a: [1, 'x'] }, new Uint8Array([1, 2])));
});

interface Target {
  board: string;
  readonly shields?: readonly string[];
  options: { debug: boolean };
}

test('a part may be of an interface type', async t => {
  const target: Target = { board: 'nice_nano_v2', options: { debug: false } };
  const key = await cacheKey('target', target, [target]);
  t.is(key, await cacheKey('target', { ...target }, [{ ...target }]));
  const parts: KeyPart[] = ['a', 1];
  t.is(await cacheKey(...parts), await cacheKey('a', 1));
  // @ts-expect-error a class instance is not a part of a key
  await t.throwsAsync(cacheKey(new Date()), { instanceOf: InvalidArgumentError });
  // @ts-expect-error neither is one inside of another part
  await t.throwsAsync(cacheKey({ made: new Map() }), { instanceOf: InvalidArgumentError });
  // @ts-expect-error nor a function
  await t.throwsAsync(cacheKey(['a', () => 1]), { instanceOf: InvalidArgumentError });
});

test('a part that contains itself is a typed error', async t => {
  const cycle: { self?: KeyPart } = {};
  cycle.self = cycle;
  await t.throwsAsync(cacheKey(cycle), { instanceOf: InvalidArgumentError, message: /may contain itself/ });
});

test('a file counts by its content, not by its name', async t => {
  const directory = await temporaryDirectory(t);
  const file = async (name: string, content: string) => {
    await writeFile(join(directory, name), content);
    return fileContent(join(directory, name));
  };
  const key = await cacheKey('x', await file('a', 'content'));
  t.is(await cacheKey('x', await file('b', 'content')), key);
  t.not(await cacheKey('x', await file('a', 'other')), key);
  t.not(await cacheKey('x', 'content'), key);
  t.not(await cacheKey('x', await file('empty', '')), await cacheKey('x'));
  const large = await file('large', 'x'.repeat(3_000_000));
  t.is(
    await cacheKey({ nested: [large] }),
    await cacheKey({ nested: [await file('same', 'x'.repeat(3_000_000))] }),
  );
});

test('an unreadable file rejects', async t => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'folder'));
  await t.throwsAsync(cacheKey(fileContent(join(directory, 'missing'))), { code: 'ENOENT' });
  await t.throwsAsync(cacheKey(fileContent(join(directory, 'folder'))), { code: 'EISDIR' });
  // A device may have no end, so that its hash would never be known.
  await t.throwsAsync(cacheKey(fileContent('/dev/zero')), {
    instanceOf: InvalidArgumentError,
    message: /needs a regular file; \/dev\/zero is a device\./,
  });
  t.throws(() => fileContent(5 as unknown as string), {
    instanceOf: InvalidArgumentError,
    message: /must be a string; got 5\./,
  });
});

test('a value without a stable digest is a typed error that says where it is', async t => {
  const wrong: [unknown, RegExp][] = [
    [() => 1, /^\$\[0\] is a function/],
    [{ a: [Symbol('s')] }, /^\$\[0\]\.a\[0\] is a symbol/],
    [new Date(), /^\$\[0\] is a Date instance/],
    [{ at: new Map() }, /^\$\[0\]\.at is a Map instance/],
  ];
  for (const [value, message] of wrong) {
    await t.throwsAsync(cacheKey(value as KeyPart), { instanceOf: InvalidArgumentError, message });
  }
});
