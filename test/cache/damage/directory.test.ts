// Cache directories that disappear, or cannot be written or read: at the start, and under a running process.
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Cache } from '../../../src/index.ts';
import { removeInUse } from '../../support/temporary.ts';
import { mountMemory, noMounting, noRoot, open, scratch, until, warningsOf } from './support.ts';

const LARGE = Buffer.alloc(80_000, 'large');

/** Nothing is found and nothing can be stored, but no call fails. */
async function assertMisses(t: ExecutionContext, cache: Cache): Promise<void> {
  t.is(await cache.set('key', 'value'), false);
  t.is(await cache.set('large', LARGE), false);
  t.is(await cache.add('key', 'value'), false);
  t.is(await cache.setMany([['key', 'value']]), false);
  t.is(await cache.putFile('file', process.execPath), false);
  t.is(await cache.get('key', 'missed'), 'missed');
  t.is(await cache.getFile('file', '/nonexistent/destination'), false);
  t.is(await cache.has('key'), false);
  t.is(await cache.delete('key'), false);
  t.is(await cache.touch('key', '1h'), false);
  t.is(await cache.increment('number'), undefined);
  t.is(await cache.getOrSet('produced', () => 'product'), 'product');
  t.deepEqual(await Array.fromAsync(cache.keys()), []);
  t.is(await cache.metadata('key'), undefined);
  t.is(await cache.clear(), 0);
  t.is(await cache.cleanup(), 0);
  t.deepEqual((await cache.check()).problems, []);
  t.false((await cache.stats()).enabled);
}

async function assertWorks(t: ExecutionContext, cache: Cache): Promise<void> {
  t.true(await cache.set('key', 'value'));
  t.true(await cache.set('large', LARGE));
  t.is(await cache.get('key'), 'value');
  t.deepEqual(await cache.get('large'), LARGE);
  t.is(await cache.getOrSet('made', () => 'once'), 'once');
  t.true((await cache.stats()).enabled);
}

const parts: { name: string; path: (root: string, tag: string) => string }[] = [
  { name: 'the root', path: root => root },
  { name: "the tag's directory", path: (root, tag) => join(root, tag) },
  { name: 'the database', path: (root, tag) => join(root, tag, 'cache.db') },
  { name: 'the directory of blobs', path: (root, tag) => join(root, tag, 'blobs') },
  { name: 'the directory of locks', path: (root, tag) => join(root, tag, 'locks') },
];

for (const [index, { name, path }] of parts.entries()) {
  test(`${name} removed under a running process: no wrong value is read, and the cache goes on`, async t => {
    const tag = `removed-${index}`;
    const cacheRoot = join(await scratch(t), 'root');
    const warnings = warningsOf(t, tag);
    const cache = open(t, { cacheRoot, tag });
    await assertWorks(t, cache);
    removeInUse(path(cacheRoot, tag));
    await until(() => existsSync(path(cacheRoot, tag)) || name.includes('blobs') || name.includes('locks'));
    for (const [key, value] of await cache.getMany(['key', 'large', 'made'])) {
      t.deepEqual(value, key === 'key' ? 'value' : key === 'large' ? LARGE : 'once');
    }
    await assertWorks(t, cache);
    t.true(existsSync(join(cacheRoot, tag, 'cache.db')));
    t.deepEqual((await cache.check()).problems, []);
    t.true(warnings.length <= 1, warnings.join('\n'));
  });
}

test('a file in place of the root: every read misses, one warning is given, and the cache works once the file is gone', async t => {
  const cacheRoot = join(await scratch(t), 'root');
  const warnings = warningsOf(t, 'in-place');
  writeFileSync(cacheRoot, 'in the way');
  const cache = open(t, { cacheRoot, tag: 'in-place' });
  await assertMisses(t, cache);
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /a file is in the way of a directory .*Move it, or set GLOVEBOX_CACHE_DIR/);
  rmSync(cacheRoot);
  await until(() => cache.set('key', 'value'));
  await assertWorks(t, cache);

  // Once more, while the cache is open.
  removeInUse(cacheRoot);
  writeFileSync(cacheRoot, 'in the way');
  await until(async () => !(await cache.set('key', 'value')));
  await assertMisses(t, cache);
  rmSync(cacheRoot);
  await until(() => cache.set('key', 'value'));
  await assertWorks(t, cache);
  t.true(warnings.length <= 2, warnings.join('\n'));
});

(noMounting ? test.skip : test)(
  `a read-only file system: misses at the start, reads on when it comes later, works when it can be written (${noMounting ?? 'mounted'})`,
  async t => {
    const cacheRoot = await mountMemory(t, '8m');
    const remount = (how: 'ro' | 'rw') =>
      execFileSync('mount', ['-o', `remount,${how}`, join(cacheRoot, '..')]);
    const warnings = warningsOf(t, 'read-only');
    remount('ro');
    const cache = open(t, { cacheRoot, tag: 'read-only' });
    await assertMisses(t, cache);
    t.is(warnings.length, 1);
    remount('rw');
    await until(() => cache.set('key', 'value'));
    await assertWorks(t, cache);
  },
);

(noMounting ? test.skip : test)(
  `a cache that is read-only when it is reopened misses, and has kept everything when it is writable (${noMounting ?? 'mounted'})`,
  async t => {
    const place = await scratch(t);
    const cacheRoot = join(place, 'root');
    mkdirSync(cacheRoot, { mode: 0o700 });
    execFileSync('mount', ['--bind', cacheRoot, cacheRoot]);
    t.teardown(() => execFileSync('umount', ['-l', cacheRoot]));
    const remount = (how: 'ro' | 'rw') => execFileSync('mount', ['-o', `remount,bind,${how}`, cacheRoot]);
    const warnings = warningsOf(t, 'becomes-read-only');
    const cache = open(t, { cacheRoot, tag: 'becomes-read-only' });
    await assertWorks(t, cache);
    await cache.close();
    remount('ro');
    const again = open(t, { cacheRoot, tag: 'becomes-read-only' });
    await assertMisses(t, again);
    t.is(warnings.length, 1);
    remount('rw');
    await until(() => again.set('other', 1));
    // The earlier entries are still there.
    t.is(await again.get('key'), 'value');
    t.deepEqual(await again.get('large'), LARGE);
    t.is(warnings.length, 1);
  },
);

(noRoot ? test.skip : test)(
  `an unreadable directory: misses, keeps everything, and reads it again later (${noRoot ?? 'as nobody'})`,
  async t => {
    const directory = await scratch(t);
    chownSync(directory, 65_534, 65_534);
    const program = new URL('forbidden-process.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [program, join(directory, 'root')], {
      uid: 65_534,
      gid: 65_534,
      cwd: '/',
      env: { HOME: directory },
      timeout: 60_000,
    });
    t.deepEqual(JSON.parse(stdout), {
      atStart: { set: false, get: 'missed', enabled: false },
      afterwards: { set: true, get: 'value' },
      running: { set: false, get: 'missed', large: 'missed', file: false },
      again: { set: true, get: 'value', large: true, file: true },
      unreadableBlobs: { set: true, get: 'value', large: 'missed' },
      atLast: { large: true },
      // One for each cause: it could not be opened, it was removed, its blobs cannot be read.
      warnings: 3,
    });
    t.deepEqual(readdirSync(join(directory, 'root')), ['forbidden']);
  },
);
