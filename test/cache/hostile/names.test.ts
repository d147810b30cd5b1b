// Tags, keys and paths of every kind: refused, or kept to the letter, and never a file outside the cache directory.
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { type Cache, createDefaultCache, InvalidArgumentError } from '../../../src/index.ts';
import { runs, seed } from '../../support/extent.ts';
import { open, scratch } from '../damage/support.ts';

const LARGE = 100_000;

const strange = [
  '..',
  '.',
  '../outside',
  '../../outside/precious',
  '/etc/passwd',
  'C:\\Windows',
  'a/b',
  'a\\b',
  'a\0b',
  'a\nb',
  '\r\n',
  ' ',
  ' a',
  'a ',
  'a.',
  '-rf',
  '~',
  '$HOME',
  '`id`',
  '%2e%2e%2f',
  "'; DROP TABLE entries; --",
  'CON',
  'con.txt',
  'aux',
  'NUL',
  'com1',
  'LPT9.db',
  '__proto__',
  'constructor',
  'toString',
  'blobs',
  'locks',
  'cache.db',
  // A character that looks like another, and one character in two encodings.
  'аdmin',
  'admin',
  '\u00e9',
  'e\u0301',
  '\u212b',
  '\u00c5',
  'ﬁ',
  '．．／',
  '\u202egnp.exe',
  '\u200b',
  '\ufeff',
  '😀',
  'x'.repeat(300),
  'é'.repeat(300),
  '%_\\',
];

const anyName = fc.oneof(
  fc.constantFrom(...strange),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('.', '/', '\\', '\0', 'a', '\ud800'), maxLength: 12 }),
);

/** The files in a directory, except those below `except`. */
function stateOf(directory: string, except: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const entry = join(path, name);
      if (entry === except) continue;
      const facts = lstatSync(entry);
      hash.update(`${entry} ${facts.mode} ${facts.size} ${facts.mtimeMs}\n`);
      if (facts.isDirectory()) visit(entry);
      else hash.update(readFileSync(entry));
    }
  };
  visit(directory);
  return hash.digest('hex');
}

const isGoodTag = (tag: string) =>
  /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/.test(tag) &&
  !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(tag);

test('any tag is either refused or the name of a directory in the root', async t => {
  const base = await scratch(t);
  const cacheRoot = join(base, 'a', 'root');
  mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
  writeFileSync(join(base, 'precious'), 'not ours');
  const before = stateOf(base, cacheRoot);
  const made = new Set<string>();
  const property = fc.asyncProperty(anyName, async tag => {
    let cache: Cache;
    try {
      cache = createDefaultCache({ cacheRoot, tag });
    } catch (error) {
      t.true(error instanceof InvalidArgumentError);
      t.false(isGoodTag(tag), tag);
      return;
    }
    t.true(isGoodTag(tag), tag);
    t.true(await cache.set('key', tag));
    await cache.close();
    made.add(tag);
    t.deepEqual(readdirSync(cacheRoot).sort(), [...made].sort());
  });
  await fc.assert(property, { numRuns: runs(30, 300), seed: seed(7), examples: strange.map(tag => [tag]) });
  t.is(stateOf(base, cacheRoot), before);
  t.true(made.has('__proto__') && made.has('constructor'));
});

test('a tag is refused before anything is created for it', async t => {
  const cacheRoot = join(await scratch(t), 'root');
  for (const tag of ['..', '../x', '/x', 'a\0', 'a\n', 'NUL', '\u00e9', 'x'.repeat(65)]) {
    t.throws(() => createDefaultCache({ cacheRoot, tag }), { code: 'GLOVEBOX_INVALID_ARGUMENT' }, tag);
  }
  t.throws(() => readdirSync(cacheRoot), { code: 'ENOENT' });
});

for (const backend of ['sqlite', 'memory'] as const) {
  test(`${backend}: any keys are either refused or kept apart, and nothing outside the root changes`, async t => {
    const base = await scratch(t);
    const cacheRoot = join(base, 'root');
    const tag = `keys-${backend}`;
    const source = join(base, 'source');
    writeFileSync(join(base, 'precious'), 'not ours');
    writeFileSync(source, 'a file');
    const before = stateOf(base, cacheRoot);
    const cache = open(t, { cacheRoot, tag, backend });
    const model = new Map<string, unknown>();
    const isGoodKey = (key: string) => key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= 1024;
    const step = fc.record({
      key: anyName,
      what: fc.constantFrom('set', 'large', 'file', 'delete', 'lease', 'get' as const),
    });
    const act = async ({ key, what }: { key: string; what: string }): Promise<void> => {
      if (what === 'set') {
        await cache.set(key, key);
        model.set(key, key);
      } else if (what === 'large') {
        const value = Buffer.alloc(LARGE, key || 'x');
        await cache.set(key, value);
        model.set(key, value);
      } else if (what === 'file') {
        await cache.putFile(key, source);
        model.set(key, Buffer.from('a file'));
      } else if (what === 'delete') {
        const isThere = await cache.delete(key);
        if (isThere !== model.delete(key)) throw new Error(`delete(${JSON.stringify(key)})`);
      } else if (what === 'lease') {
        const value = await cache.getOrSet(key, () => 'produced');
        if (!model.has(key)) model.set(key, value);
      } else t.deepEqual(await cache.get(key), model.get(key));
    };
    const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
      for (const one of steps) {
        if (isGoodKey(one.key)) await act(one);
        else await t.throwsAsync(act(one), { instanceOf: InvalidArgumentError });
      }
    });
    await fc.assert(property, { numRuns: runs(5, 25), seed: seed(11), endOnFailure: true });
    for (const key of strange) await act({ key, what: 'set' });
    await t.throwsAsync(cache.set('', 1), { instanceOf: InvalidArgumentError });
    t.is(model.get('\u00e9'), '\u00e9');
    t.is(model.get('e\u0301'), 'e\u0301');
    t.deepEqual((await Array.fromAsync(cache.keys())).sort(), [...model.keys()].sort());
    for (const [key, value] of model) t.deepEqual(await cache.get(key), value, JSON.stringify(key));
    t.is(stateOf(base, cacheRoot), before);
  });
}

test('a key in one Unicode form is another key than the same text in another form', async t => {
  const cache = open(t, { cacheRoot: await scratch(t), tag: 'forms' });
  const text = 'Å é ﬁ 각 ñ';
  const forms = ['NFC', 'NFD', 'NFKC', 'NFKD'].map(form => text.normalize(form));
  for (const [index, key] of forms.entries()) {
    await cache.set(key, index);
  }
  const distinct = new Set(forms);
  t.true(distinct.size > 2);
  for (const key of distinct) t.is(await cache.get(key), forms.lastIndexOf(key));
});

test('an invalid cache root, source or destination is an error of the caller, and changes nothing', async t => {
  const base = await scratch(t);
  const cache = open(t, { cacheRoot: join(base, 'root'), tag: 'paths' });
  const source = join(base, 'source');
  writeFileSync(source, 'a file');
  t.true(await cache.putFile('file', source));
  const before = stateOf(base, resolve(base, 'root'));
  for (const path of ['a\0b', '', '.', '/nonexistent/file', `${source}/below`, base]) {
    await t.throwsAsync(
      cache.putFile('other', path),
      { code: 'GLOVEBOX_INVALID_ARGUMENT' },
      JSON.stringify(path),
    );
  }
  for (const path of [
    `${base}/a\0b`,
    base,
    '/nonexistent/directory/file',
    `${source}/below`,
    `${base}/${'x'.repeat(300)}`,
  ]) {
    await t.throwsAsync(cache.getFile('file', path), undefined, JSON.stringify(path));
  }
  t.is(stateOf(base, resolve(base, 'root')), before);
});
