// Glovebox in bundled programs, in CommonJS programs, and in foreign realms.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { inspect, promisify } from 'node:util';
import { createContext, runInContext, runInNewContext } from 'node:vm';
import test from 'ava';
import { build, type Format } from 'esbuild';
import { cacheKey } from '../src/index.ts';
import { installPackage } from './support/installed.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-bundles-'));
// Next to it, where no package is found.
const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'glovebox-elsewhere-'));
test.before(() => installPackage(directory));
test.after.always(() => {
  for (const made of [directory, elsewhere]) rmSync(made, { recursive: true, force: true });
});

const PROGRAM = `
import { Worker, isMainThread } from 'node:worker_threads';
import { createDefaultCache, resetSharedCacheInstances } from 'glovebox';

const cache = createDefaultCache({ tag: 'bundled' });
async function main() {
  if (!isMainThread) return cache.set('worker', await cache.get('main'));
  await cache.set('main', { by: 'main' });
  await cache.set('large', Buffer.alloc(100_000));
  const made = await cache.getOrSet('made', () => 1);
  await new Promise((done, fail) => new Worker(process.argv[1]).on('exit', done).on('error', fail));
  const { degraded, count } = await cache.stats();
  console.log(JSON.stringify([await cache.get('worker'), made, count, degraded]));
  await resetSharedCacheInstances();
}
main();
`;

/** Bundles a program into `directory`, and returns its file. */
async function bundled(format: Format, into: string, source = PROGRAM): Promise<string> {
  const outfile = path.join(into, format === 'cjs' ? 'program.cjs' : 'program.mjs');
  const { warnings } = await build({
    stdin: { contents: source, resolveDir: directory },
    bundle: true,
    platform: 'node',
    format,
    outfile,
    logLevel: 'silent',
  });
  if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\n'));
  return outfile;
}

function run(file: string, cache: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, cache) };
  return promisify(execFile)(process.execPath, [file], { env });
}

for (const format of ['cjs', 'esm'] as const) {
  test(`a bundle in the format ${format} works, and so do the threads that it starts`, async t => {
    const { stdout, stderr } = await run(await bundled(format, directory), `cache-${format}`);
    t.deepEqual(JSON.parse(stdout), [{ by: 'main' }, 1, 4, null]);
    t.is(stderr, '');
  });

  test(`a bundle in the format ${format} that runs where nothing is installed says so, and continues`, async t => {
    const { stdout, stderr } = await run(await bundled(format, elsewhere), `cache-${format}-elsewhere`);
    t.regex(stdout, /^\[null,1,0,"better-sqlite3 cannot be found from /);
    t.regex(stderr, /Bundles do not contain it: install glovebox in the directory where the bundle runs/);
  });
}

test('an unbundled program can require the package', async t => {
  const file = path.join(directory, 'required.cjs');
  writeFileSync(
    file,
    `const { createDefaultCache } = require('glovebox');
     const cache = createDefaultCache();
     cache.set('a', 1).then(() => cache.get('a')).then(value => console.log(value));`,
  );
  t.is((await run(file, 'cache-required')).stdout, '1\n');
});

// As test runners load it: in its own realm, while Node's modules, and what they create, belong to another one.
test("in its own realm the cache stores and reads that realm's values", async t => {
  const file = await bundled('cjs', path.join(directory, 'realm'), "export * from 'glovebox';");
  const realm = createContext(nodeGlobals());
  const wrapped = `(function (exports, require, module, __filename) {${readFileSync(file, 'utf8')}\n})`;
  const module = { exports: {} as typeof import('../src/index.ts') };
  const load = runInContext(wrapped, realm, { filename: file }) as (...parts: unknown[]) => void;
  load(module.exports, createRequire(file), module, file);
  const cache = module.exports.createDefaultCache({ cacheRoot: path.join(directory, 'cache-realm') });
  t.teardown(() => cache.close());
  const values = {
    plain: '({ a: [1, { b: 2 }] })',
    map: "new Map([['a', new Set([1])]])",
    floats: 'new Float64Array([1.5])',
    nested:
      '({ bytes: new Uint8Array([1]), view: new DataView(new ArrayBuffer(2)), big: new BigInt64Array([1n]) })',
    error: "new TypeError('wrong', { cause: new Error('why') })",
    large: '({ bytes: new Float32Array(40000) })',
  };
  for (const [key, source] of Object.entries(values)) {
    const value: unknown = runInContext(source, realm);
    t.true(await cache.set(key, value), key);
    for (const _ of [1, 2, 3]) t.is(inspect(await cache.get(key)), inspect(value), key);
    t.is(inspect(await cache.getOrSet(`${key}-made`, () => value)), inspect(value), key);
  }
  const key = await module.exports.cacheKey(runInContext('({ a: [1] })', realm) as never);
  t.is(key, await cacheKey({ a: [1] }));
  await t.throwsAsync(cache.set('event', runInContext('new AbortController()', realm)), {
    code: 'GLOVEBOX_UNCLONEABLE_VALUE',
    message: /AbortController/,
  });
});

/** The parts of Node that test runners pass on to a realm. */
function nodeGlobals(): Record<string, unknown> {
  const own = new Set(runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[]);
  const names = Object.getOwnPropertyNames(globalThis).filter(name => !own.has(name));
  const added: Record<string, unknown> = {};
  for (const name of names) {
    const { value } = Object.getOwnPropertyDescriptor(globalThis, name)!;
    const enumerable = Object.prototype.propertyIsEnumerable.call(globalThis, name);
    if (value !== undefined) Object.defineProperty(added, name, { value, enumerable, configurable: true });
  }
  return Object.assign(added, { process, Buffer, performance, Uint8Array, ArrayBuffer });
}
