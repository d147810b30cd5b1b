// Hostile cache records: anything under our keys that is not a valid record is a miss. Nothing crashes, hangs or is
// written elsewhere.
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FINGERPRINT_SCHEMA } from '../../../src/builder/incremental/index.ts';
import { createLayoutService } from '../../../src/builder/layout/layout-service.ts';
import { workspaceRoot } from '../../../src/builder/workspace/store.ts';
import { createZmkWorkspaceCacheService } from '../../../src/builder/workspace/zmk-workspace-cache.ts';
import type { Cache } from '../../../src/cache/cache.ts';
import { createDefaultCache } from '../../../src/registry.ts';
import { runs, seed } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { createCompileFixture, keysOf } from './compile-fixture.ts';

const circle: Record<string, unknown> = { schema: FINGERPRINT_SCHEMA };
circle.target = circle;
circle.toolchain = circle;
circle.candidates = [circle];
circle.artifacts = [circle];

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let index = 0; index < depth; index++) value = { target: value };
  return value;
}

// Longer than any valid list.
const endless = (): unknown[] => Array.from({ length: 250_000 }, () => null);
// Array methods skip holes.
const holed = (item: unknown): unknown[] => Object.assign(new Array(1), { 1: item });
const snapshot = (parts: object) => ({
  files: [],
  directories: [],
  absent: [],
  declared: undefined,
  ...parts,
});
const manifest = (...candidates: unknown[]) => ({
  schema: FINGERPRINT_SCHEMA,
  candidates,
  stored: 1,
  names: [],
});
const artifact = (parts: object) => ({ name: 'left.uf2', size: 1, sha256: 'a'.repeat(64), ...parts });
const firmware = (...artifacts: unknown[]) => ({ schema: 1, artifacts, compileDuration: 1, created: 1 });

const VALUES: [what: string, value: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'x'.repeat(10_000)],
  ['bytes', Buffer.from([0, 1, 2])],
  ['a map', new Map([['schema', 1]])],
  ['a cycle', circle],
  ['a big number', { schema: FINGERPRINT_SCHEMA, kind: 'west', target: { big: 7n }, toolchain: {} }],
  [
    'a deeply nested value',
    { schema: FINGERPRINT_SCHEMA, kind: 'command', target: nested(500), toolchain: nested(500) },
  ],
  ['endless candidates', { schema: FINGERPRINT_SCHEMA, candidates: endless(), stored: 1, names: endless() }],
  ['endless files', manifest(snapshot({ files: endless() }))],
  [
    'missing candidates',
    { schema: FINGERPRINT_SCHEMA, candidates: holed(snapshot({})), stored: 1, names: [] },
  ],
  ['missing files', manifest(snapshot({ files: holed(['a', 'b']) }))],
  ['a candidate with extra fields', manifest(Object.assign(snapshot({}), { circle, map: new Map() }))],
  ['a path with NUL', manifest(snapshot({ absent: ['a\0b'] }), snapshot({ files: [['a\0b', 'c']] }))],
  ['a path that is too long', manifest(snapshot({ absent: ['x'.repeat(5_000)] }))],
  ['a path through a file', manifest(snapshot({ absent: ['config/corne.keymap/x/y'], files: [['z', '']] }))],
  [
    'devices for files',
    manifest(snapshot({ files: [['/dev/zero', 'x']] }), snapshot({ files: [['/dev/tty', 'x']] })),
  ],
  ['a directory for a file', manifest(snapshot({ files: [['/etc', 'x']] }))],
  [
    'prototypes',
    JSON.parse('{"__proto__": {"polluted": 1}, "schema": 1, "constructor": {"prototype": {"polluted": 1}}}'),
  ],
  ['names that are not a list', { ...manifest(snapshot({ declared: 'x' })), names: [['x', '{"a":1}']] }],
  ['names that are not JSON', { ...manifest(snapshot({ declared: 'x' })), names: [['x', '["a"']] }],
  ['endless names', { ...manifest(snapshot({ declared: 'x' })), names: [['x', JSON.stringify(endless())]] }],
  ['names with NUL', { ...manifest(snapshot({ declared: 'x' })), names: [['x', '["a\\u0000b"]']] }],
  ['endless artifacts', { ...firmware(), artifacts: endless() }],
  ['missing artifacts', firmware(undefined, artifact({}))],
  ['no artifacts', firmware()],
  ['an artifact that leads elsewhere', firmware(artifact({ name: '../../escaped.uf2' }))],
  ['an artifact with a path', firmware(artifact({ name: '/etc/escaped.uf2' }))],
  ['an artifact of no size', firmware(artifact({ size: Number.NaN }))],
  ['an artifact with a hash that is a path', firmware(artifact({ sha256: '../'.repeat(20) }))],
  ['twins', firmware(artifact({}), artifact({ name: 'LEFT.uf2' }))],
  ['impossible times', { ...firmware(artifact({})), compileDuration: Number.POSITIVE_INFINITY }],
];

/** Stores the value under every key with a record, in the format that is read there. */
async function plant(caches: Cache[], value: unknown): Promise<void> {
  for (const cache of caches) {
    for (const key of await keysOf(cache)) {
      if ((await cache.metadata(key))?.kind !== 'value') continue;
      const isJson = key.startsWith('manifest:') || key.endsWith(':record');
      await cache.set(key, isJson ? (jsonOf(value) ?? value) : value);
    }
  }
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // JSON cannot represent it: a cycle or a bigint.
    return undefined;
  }
}

test('whatever replaces a record, the firmware is right and nothing else is written', async t => {
  const fixture = await createCompileFixture(t);
  const [, good] = await fixture.firmwareOf();
  const outside = (await readdir(fixture.root)).filter(name => !name.startsWith('job-'));
  for (const [what, value] of VALUES) {
    await plant([fixture.builds.cache, fixture.firmware.cache], value);
    t.true((await fixture.why()).length > 0, what);
    t.deepEqual(await fixture.firmwareOf(), ['compiled', good], what);
    t.deepEqual(await readdir(fixture.directory), ['left.uf2'], what);
  }
  t.deepEqual(
    (await readdir(fixture.root)).filter(name => !name.startsWith('job-')),
    outside,
  );
  t.is(({} as { polluted?: number }).polluted, undefined);
  await t.throwsAsync(access('/etc/escaped.uf2'), { code: 'ENOENT' });
});

test('random values in place of records are misses', async t => {
  const fixture = await createCompileFixture(t);
  const [, good] = await fixture.firmwareOf();
  const field = fc.constantFrom(
    'schema',
    'candidates',
    'stored',
    'names',
    'artifacts',
    'files',
    'target',
    'toolchain',
    'kind',
    'declared',
    'absent',
    'directories',
    'name',
    'size',
    'sha256',
  );
  const { value } = fc.letrec(tie => ({
    leaf: fc.oneof(
      fc.constant(1),
      fc.constantFrom('..', '/etc/passwd', 'config/left.h', ''),
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        maxDepth: 1,
      }),
    ),
    value: fc.oneof(
      { maxDepth: 5 },
      tie('leaf'),
      fc.dictionary(field, tie('value'), { maxKeys: 6 }),
      fc.array(tie('value'), { maxLength: 4 }),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(value, async planted => {
      await plant([fixture.builds.cache, fixture.firmware.cache], planted);
      const [, content] = await fixture.firmwareOf();
      t.is(content, good);
    }),
    { numRuns: runs(4, 40), seed: seed(3) },
  );
});

test('a manifest that names firmware of other inputs is not trusted', async t => {
  const fixture = await createCompileFixture(t);
  const [, good] = await fixture.firmwareOf();
  // The record and the file of another keymap, under the keys of this one.
  await fixture.write('config/corne.keymap', 'other');
  await fixture.firmwareOf();
  const cache = fixture.firmware.cache;
  const records = (await keysOf(cache)).filter(key => key.endsWith(':record'));
  const [one, other] = await Promise.all(records.map(key => cache.get(key)));
  await cache.setMany([
    [records[0]!, other],
    [records[1]!, one],
  ]);
  await fixture.write('config/corne.keymap', 'keymap');
  t.deepEqual(await fixture.firmwareOf(), ['compiled', good]);
});

test('a file that does not match its key is not delivered', async t => {
  const fixture = await createCompileFixture(t);
  const [, good] = await fixture.firmwareOf();
  const cache = fixture.firmware.cache;
  const [key] = (await keysOf(cache)).filter(name => name.endsWith('.uf2'));
  const wrong = path.join(fixture.root, 'wrong');
  for (const content of ['x'.repeat(good.length), `${good} and more`]) {
    await writeFile(wrong, content);
    t.true(await cache.putFile(key!, wrong));
    t.deepEqual(await fixture.firmwareOf(), ['compiled', good]);
  }
});

test('anything in place of a workspace record is not a workspace', async t => {
  const root = await temporaryDirectory(t);
  const service = createZmkWorkspaceCacheService(undefined, { cacheRoot: root });
  const directory = path.join(root, 'workspace');
  await mkdir(path.join(directory, '.west'), { recursive: true });
  await writeFile(path.join(directory, '.west', 'config'), '');
  t.true(await service.remember({ repository: 'zmk', revision: 'main', path: directory }));
  const records = path.join(workspaceRoot(undefined, root), 'records');
  const [name] = await readdir(records);
  const file = path.join(records, name!);
  const valid = JSON.parse(await readFile(file, 'utf8'));
  for (const text of [
    '',
    'null',
    '[]',
    '{"schema":',
    ...[
      { ...valid, path: '.' },
      { ...valid, path: 'a\0b' },
      { ...valid, path: '/etc/passwd' },
      { ...valid, path: [directory] },
      { ...valid, kind: 'other' },
      { ...valid, manifests: endless() },
      { ...valid, created: 'now' },
    ].map(value => JSON.stringify(value)),
  ]) {
    await writeFile(file, text);
    t.deepEqual(await service.list(), [], text.slice(0, 80));
    t.is(await service.find('zmk', 'main'), undefined);
  }
  await writeFile(file, JSON.stringify(valid));
  t.is((await service.find('zmk', 'main'))?.path, directory);
});

test('anything in place of a layout makes the keymap be read again', async t => {
  const directory = await temporaryDirectory(t);
  const cache = createDefaultCache({ tag: 'layout', cacheRoot: path.join(directory, 'cache') });
  t.teardown(() => cache.close());
  const file = path.join(directory, 'corne.keymap');
  await writeFile(file, '/ { keymap { compatible = "zmk,keymap"; base { bindings = <&one 1>; }; }; };');
  const service = createLayoutService({ cache });
  const good = await service.layoutOf(file);
  const layer = good.layers[0]!;
  const layouts = [
    { layers: endless(), errors: [] },
    { layers: holed(layer), errors: [] },
    { layers: [{ ...layer, bindings: endless() }], errors: [] },
    { layers: [{ ...layer, rows: [1e9] }], errors: [] },
    { layers: [{ ...layer, rows: [-1, 2] }], errors: [] },
    { layers: [{ ...layer, name: 7 }], errors: [] },
    { layers: [{ ...layer, bindings: [{ behavior: 'kp', parameters: [{}] }] }], errors: [] },
    { layers: [layer], errors: [{}] },
    { places: endless() },
    { places: [{ directory: 'x', path: 'y' }] },
    { places: [{ directory: -2, path: '/dev/zero' }] },
    { places: [{ directory: -1, path: 'a\0b' }] },
  ];
  for (const value of [...VALUES.map(([, value]) => value), ...layouts]) {
    await plant([cache], value);
    t.deepEqual(await service.layoutOf(file), good);
    t.deepEqual(await service.layoutOf(file), good, 'and is stored anew');
  }
});
