// check() during concurrent writes: rows that it read a moment ago may have changed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SharedMemory } from '../../../../src/cache/shared/shared-memory.ts';
import { BlobFiles } from '../../../../src/cache/storage/blobs.ts';
import { checkStore } from '../../../../src/cache/storage/sqlite/check.ts';
import { connect } from '../../../../src/cache/storage/sqlite/connection.ts';
import { createDefaultCache } from '../../../../src/index.ts';

/** Blobs that change right after check() has looked for one and not found it. */
class BusyBlobs extends BlobFiles {
  meanwhile: () => Promise<unknown> = async () => undefined;

  override async verify(): Promise<undefined> {
    await this.meanwhile();
    return undefined;
  }
}

async function open(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'glovebox-check-'));
  const cache = createDefaultCache({ cacheRoot: root, tag: 'checked' });
  await cache.set('large', Buffer.alloc(100_000, 1));
  const database = connect(join(root, 'checked', 'cache.db'), { timeout: 1000 });
  t.teardown(async () => {
    database.close();
    await cache.close();
    await rm(root, { recursive: true, force: true });
  });
  return { cache, database, blobs: new BusyBlobs(join(root, 'checked')) };
}

test('an entry whose blob is stored again meanwhile stays, and is not a problem', async t => {
  const { cache, database, blobs } = await open(t);
  const { problems } = await checkStore(database, blobs, new SharedMemory().lock, true);
  t.deepEqual(problems, []);
  t.deepEqual(await cache.get('large'), Buffer.alloc(100_000, 1));
});

test('an entry that is replaced meanwhile stays, and is not a problem', async t => {
  const { cache, database, blobs } = await open(t);
  blobs.meanwhile = () => cache.set('large', 'small');
  const { problems } = await checkStore(database, blobs, new SharedMemory().lock, true);
  t.deepEqual(problems, []);
  t.is(await cache.get('large'), 'small');
});

test('an entry whose blob is really missing is removed, with its share of the totals', async t => {
  const { cache, database, blobs } = await open(t);
  const [{ hash }] = database.prepare('SELECT hash FROM blobs').all() as [{ hash: string }];
  await rm(blobs.path(hash));
  const { problems } = await checkStore(database, blobs, new SharedMemory().lock, true);
  t.deepEqual(
    problems.map(({ kind, subject }) => [kind, subject]),
    [['missing-blob', 'large']],
  );
  const { size, count } = await cache.stats();
  t.deepEqual([size, count], [0, 0]);
});

test('other processes are notified of a removed entry', async t => {
  const { cache, database, blobs } = await open(t);
  await cache.set('other', 1);
  const [{ hash }] = database.prepare('SELECT hash FROM blobs').all() as [{ hash: string }];
  const run = database.prepare<[], number>('SELECT run FROM owner').pluck();
  const before = run.get()!;
  await rm(blobs.path(hash));
  await checkStore(database, blobs, new SharedMemory().lock, true);
  // In another run every process drops all its copies, this one as well.
  t.is(run.get(), before + 1);
});
