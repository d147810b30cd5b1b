// Remembered digests of large files: they are reused while the file is unchanged, and never for another content.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { InputReader } from '../../../src/builder/inputs/input-reader.ts';
import { KnownDigests, LARGE_FILE } from '../../../src/builder/inputs/known-digests.ts';
import type { Cache } from '../../../src/cache/cache.ts';

interface Place {
  file: string;
  /** Reads the file as a new build does: its digest, and whether that one was remembered. */
  read(): Promise<[sha256: string | undefined, isRemembered: boolean]>;
  /** The digest of the file's actual content. */
  fresh(): string;
}

/**
 * A large file, and a cache for its digest.
 *
 * @param age seconds since it was written, by the cache's clock
 */
function place(t: ExecutionContext, age: number): Place {
  const root = mkdtempSync(path.join(os.tmpdir(), 'digests-'));
  t.teardown(() => rm(root, { recursive: true }));
  const file = path.join(root, 'cc1');
  writeFileSync(file, 'a'.repeat(LARGE_FILE));
  const entries = new Map<string, unknown>();
  const cache = {
    get: async (key: string) => entries.get(key),
    set: async (key: string, value: unknown) => entries.set(key, value) !== undefined,
  } as unknown as Cache;
  class Later extends KnownDigests {
    override set(...[name, stamp, sha256, changed, begun]: Parameters<KnownDigests['set']>): Promise<void> {
      return super.set(name, stamp, sha256, changed, begun + age * 1000);
    }
  }
  return {
    file,
    async read() {
      const before = entries.size;
      const state = await new InputReader(new Later(cache, '7d')).file(file);
      return [state?.sha256, before > 0 && entries.size === before];
    },
    fresh: () => createHash('sha256').update(readFileSync(file)).digest('hex'),
  };
}

test('a digest is remembered until the file changes in any way', async t => {
  const { file, read, fresh } = place(t, 60);
  t.deepEqual(await read(), [fresh(), false]);
  t.deepEqual(await read(), [fresh(), true]);
  const { atime, mtime } = statSync(file);
  writeFileSync(file, 'b'.repeat(LARGE_FILE));
  utimesSync(file, atime, mtime);
  t.is((await read())[0], fresh(), 'written, with the size and time of before');
  writeFileSync(`${file}.new`, 'c'.repeat(LARGE_FILE));
  utimesSync(`${file}.new`, atime, mtime);
  await read();
  renameSync(`${file}.new`, file);
  t.is((await read())[0], fresh(), 'replaced by another');
});

test('the digest of a file written just now is not remembered, because it may be written again at the same timestamp', async t => {
  const { read, fresh } = place(t, 0);
  t.deepEqual(await read(), [fresh(), false]);
  t.deepEqual(await read(), [fresh(), false]);
});

test('an invalid digest is not trusted', async t => {
  for (const value of [
    null,
    'text',
    { stamp: 'x' },
    { stamp: 'x', sha256: '../x' },
    { stamp: 'y', sha256: 'a'.repeat(64) },
  ]) {
    const cache = { get: async () => value } as unknown as Cache;
    t.is(await new KnownDigests(cache, '7d').get('/x', 'x'), undefined);
  }
});
