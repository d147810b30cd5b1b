// Bit flips in the caches: a flipped bit costs a compile at most, and firmware is always what the compiler makes.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { runs, seed } from '../support/extent.ts';
import { publishedLibrary } from '../support/published.ts';
import { compileHalf, createProject, type Project } from './project.ts';
import type { RigRun } from './rig/rig.ts';

const { resetSharedCacheInstances } = await publishedLibrary();

const GOOD = { 'left.uf2': 'left: keymap left', 'right.uf2': 'right: keymap right' };

/** The place of a bit: its file, its position there from 0 to 1, and its index in the byte. */
const flip = fc.record({
  file: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bit: fc.nat(7),
});
type Flip = typeof flip extends fc.Arbitrary<infer T> ? T : never;

/** Databases, their logs and blobs. */
async function storedFiles(project: Project): Promise<string[]> {
  const entries = await readdir(project.cacheRoot, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && /^(?:cache\.db(?:-wal|-shm)?|[0-9a-f]{62})$/.test(entry.name))
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort();
}

async function flipBits(project: Project, flips: readonly Flip[]): Promise<void> {
  for (const { file, at, bit } of flips) {
    const files = await storedFiles(project);
    const place = files[Math.floor(file * files.length)]!;
    if ((await stat(place)).size === 0) continue;
    const bytes = await readFile(place);
    bytes[Math.floor(at * bytes.length)]! ^= 1 << bit;
    await writeFile(place, bytes);
  }
}

async function delivered(t: { deepEqual(a: unknown, b: unknown): unknown }, project: Project): Promise<void> {
  const output = await project.output();
  t.deepEqual(output, GOOD);
}

test.serial('bits that flip between builds never reach the output directory', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  t.like(await project.start().done, { compiled: 2 });
  await fc.assert(
    fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 12 }), async flips => {
      // The caches are closed, so that reads come from the disk.
      await resetSharedCacheInstances();
      await flipBits(project, flips);
      t.like(await project.start().done, { failed: 0, cancelled: 0 });
      await delivered(t, project);
    }),
    { numRuns: runs(1, 8), seed: seed(8) },
  );
});

test.serial('a flip of any bit of a stored firmware is found', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  await resetSharedCacheInstances();
  const [blob] = await project.blobs();
  const bytes = await readFile(blob!);
  const bits = fc.nat(bytes.length * 8 - 1);
  await fc.assert(
    fc.asyncProperty(bits, async bit => {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(blob!, damaged);
      t.like(await project.start().done, { compiled: 1, cached: 1, failed: 0 });
      await delivered(t, project);
    }),
    { numRuns: runs(1, 5), seed: seed(8) },
  );
});

test.serial('bits that flip while the compilers run never reach the output directory', async t => {
  let held: PromiseWithResolvers<RigRun> | undefined;
  const project = await createProject(t, {
    onRun: run => (held === undefined ? compileHalf(run) : held.resolve(run)),
  });
  await project.start().done;
  await project.write('config/left.h', 'new');
  held = Promise.withResolvers<RigRun>();
  const second = project.start();
  const run = await held.promise;
  held = undefined;
  await flipBits(project, fc.sample(flip, { numRuns: runs(4, 12), seed: 2 }));
  await compileHalf(run);
  t.like(await second.done, { failed: 0 });
  t.deepEqual(await project.output(), { ...GOOD, 'left.uf2': 'left: keymap new' });
  await project.write('config/left.h', 'left');
  t.like(await project.start().done, { failed: 0 });
  await delivered(t, project);
});

test.serial("a damaged row that points to another target's firmware is not trusted", async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  await resetSharedCacheInstances();
  const database = new Sqlite(path.join(project.cacheRoot, 'firmware', 'cache.db'));
  const rows = database.prepare('SELECT id, blob, size FROM entries WHERE blob IS NOT NULL').all() as {
    id: number;
    blob: string;
    size: number;
  }[];
  t.is(rows.length, 2);
  const swap = database.prepare('UPDATE entries SET blob = ?, size = ? WHERE id = ?');
  swap.run(rows[1]!.blob, rows[1]!.size, rows[0]!.id);
  swap.run(rows[0]!.blob, rows[0]!.size, rows[1]!.id);
  database.close();
  t.like(await project.start().done, { compiled: 2, failed: 0 });
  await delivered(t, project);
});
