// A full disk: a file system of two megabytes, and a file that takes the free space.
import { execFile } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Cache } from '../../../src/index.ts';
import { startProcess } from '../../support/process.ts';
import { fill, mountMemory, noMounting, open, scratch, temporaries, until, warningsOf } from './support.ts';

const onSmallDisk = noMounting ? test.skip : test;
const title = (text: string) => (noMounting ? `${text} (${noMounting})` : text);

const LARGE = 80_000;
const large = (name: string) => name.repeat(LARGE / name.length);
// Too large for the room that is left in a page or the log, and small enough for the database.
const small = (name: string) => name.repeat(15_000 / name.length);

interface Disk {
  root: string;
  cache: Cache;
  warnings: string[];
  /** Takes all free space. */
  fill(): void;
  free(): void;
}

async function disk(t: ExecutionContext, tag: string): Promise<Disk> {
  const root = await mountMemory(t, '2m');
  const filler = openSync(join(root, '..', 'filler'), 'w');
  t.teardown(() => closeSync(filler));
  const warnings = warningsOf(t, tag);
  return {
    root,
    cache: open(t, { cacheRoot: root, tag }),
    warnings,
    fill: () => fill(filler),
    free: () => ftruncateSync(filler),
  };
}

/** Entries of every kind, with their permanent values. */
async function older(t: ExecutionContext, cache: Cache): Promise<() => Promise<void>> {
  const directory = await scratch(t);
  const source = join(directory, 'source');
  await writeFile(source, large('file'));
  t.true(await cache.set('small', small('a')));
  t.true(await cache.set('large', large('b')));
  t.true(await cache.putFile('file', source));
  t.is(await cache.increment('number'), 1);
  return async () => {
    t.is(await cache.get('small'), small('a'));
    t.is(await cache.get('large'), large('b'));
    t.is(await cache.get('number'), 1);
    const destination = join(directory, 'destination');
    t.true(await cache.getFile('file', destination));
    t.is(await readFile(destination, 'utf8'), large('file'));
  };
}

/** Repeats it until it is refused for lack of space: the log may still have room for some. */
async function untilRefused(write: (index: number) => Promise<boolean>): Promise<number> {
  for (let index = 0; index < 300; index++) if (!(await write(index))) return index;
  throw new Error('The disk is not full.');
}

const writes: { name: string; write: (cache: Cache, key: string, source: string) => Promise<boolean> }[] = [
  { name: 'set of a small value', write: (cache, key) => cache.set(key, small('new')) },
  { name: 'set of a large value', write: (cache, key) => cache.set(key, large('new')) },
  { name: 'add', write: (cache, key) => cache.add(key, small('new')) },
  {
    name: 'setMany',
    write: (cache, key) =>
      cache.setMany([
        [key, small('new')],
        [`${key}-large`, large('new')],
      ]),
  },
  { name: 'putFile', write: (cache, key, source) => cache.putFile(key, source) },
];

for (const { name, write } of writes) {
  onSmallDisk(
    title(`a full disk refuses ${name}: it says so, keeps what is older, and leaves nothing`),
    async t => {
      const tag = `full-${name.replaceAll(' ', '-')}`;
      const { root, cache, warnings, fill: fillUp, free } = await disk(t, tag);
      const isAsBefore = await older(t, cache);
      const source = join(await scratch(t), 'source');
      await writeFile(source, large('put'));
      fillUp();
      const refused = await untilRefused(index => write(cache, `new-${index}`, source));
      fillUp();

      t.is(await cache.get(`new-${refused}`), undefined);
      t.is(await cache.get(`new-${refused}-large`), undefined);
      // The existing entry is not half replaced either.
      t.false(await write(cache, 'small', source));
      await isAsBefore();
      t.deepEqual(temporaries(root, tag), []);
      t.is(warnings.length, 1);

      free();
      t.true(await write(cache, 'after', source));
      t.true(await cache.has('after'));
      await isAsBefore();
      t.deepEqual((await cache.check()).problems, []);
      t.is(warnings.length, 1);
    },
  );
}

onSmallDisk(
  title('on a full disk getOrSet produces for every caller, under the lease or not, and stores again later'),
  async t => {
    const { cache, warnings, fill: fillUp, free } = await disk(t, 'full-producing');
    const isAsBefore = await older(t, cache);
    fillUp();
    await untilRefused(index => cache.set(`filling-${index}`, small('new')));
    fillUp();
    for (const make of [small, large]) {
      const values = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          cache.getOrSet(make('key').slice(0, 20), () => make(`v${index}`)),
        ),
      );
      for (const [index, value] of values.entries()) t.is(value, make(`v${index}`));
    }
    t.is(await cache.increment('number'), undefined);
    t.is(await cache.touch('small', '1h'), false);
    await isAsBefore();
    free();
    let produced = 0;
    for (let round = 0; round < 3; round++) await cache.getOrSet('again', () => ++produced);
    t.is(produced, 1);
    t.is(await cache.increment('counter'), 1);
    t.is(warnings.length, 1);
  },
);

onSmallDisk(
  title('a cache that is opened on a full disk misses, says so once, and works when there is room'),
  async t => {
    const { root, cache, warnings, fill: fillUp, free } = await disk(t, 'full-at-opening');
    fillUp();
    t.is(await cache.set('key', 'value'), false);
    t.is(await cache.get('key'), undefined);
    t.is(await cache.getOrSet('key', () => 'made'), 'made');
    t.is(await cache.increment('key'), undefined);
    t.is((await cache.stats()).enabled, false);
    t.deepEqual(await Array.fromAsync(cache.keys()), []);
    t.is(warnings.length, 1);
    free();
    await until(() => cache.set('key', 'value'));
    t.is(await cache.get('key'), 'value');
    t.is((await cache.stats()).enabled, true);
    t.is(warnings.length, 1);
    t.false((await readdir(join(root, 'full-at-opening'))).some(name => name.includes('damaged')));
  },
);

onSmallDisk(
  title(
    'a process that starts when the disk is full reads what is older, in every thread, and stores again when there is room',
  ),
  async t => {
    const root = await mountMemory(t, '4m');
    const filler = openSync(join(root, '..', 'filler'), 'w');
    t.teardown(() => closeSync(filler));
    // No other process has the cache open: the files that SQLite makes for a database in use are gone.
    await startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'full' });
        await cache.set('small', 'small');
        await cache.set('large', 'x'.repeat(100_000));
        await cache.close();
      },
      [root],
    ).result();
    t.deepEqual(
      (await readdir(join(root, 'full'))).filter(name => /-(wal|shm)$/.test(name)),
      [],
    );
    fill(filler);

    const later = startProcess(
      t,
      async ({ createDefaultCache, fs, threads }, cacheRoot, file) => {
        const warnings: string[] = [];
        process.on('warning', ({ message }) => warnings.push(message));
        const cache = createDefaultCache({ cacheRoot, tag: 'full' });
        const seen: unknown[] = [await cache.get('small'), (await cache.get<string>('large'))?.length];
        seen.push(await Array.fromAsync(cache.keys()));
        let index = 0;
        while (await cache.set(`new-${index}`, 'x'.repeat(15_000))) index++;
        seen.push(
          await cache.getOrSet('produced', () => 'x'.repeat(15_000).length),
          await cache.get('small'),
        );
        const worker = new threads.Worker(new URL(file));
        const answer = new Promise<{ value?: unknown }>(resolve => worker.once('message', resolve));
        worker.postMessage({
          id: 1,
          source: `({ createDefaultCache }, cacheRoot) => createDefaultCache({ cacheRoot, tag: 'full' }).get('small')`,
          args: [cacheRoot],
        });
        seen.push((await answer).value);
        await worker.terminate();
        console.log('full');
        while (!fs.existsSync(`${cacheRoot}/full/free`)) await new Promise(resolve => setTimeout(resolve, 5));
        seen.push(await cache.set('after', 'x'.repeat(15_000)), warnings.length);
        return seen;
      },
      [root, new URL('../../support/thread-worker.ts', import.meta.url).href],
    );
    await later.line('full');
    ftruncateSync(filler);
    await writeFile(join(root, 'full', 'free'), '');
    t.deepEqual(await later.result(), [
      ...['small', 100_000, ['large', 'small'], 15_000, 'small', 'small'],
      ...[true, 1],
    ]);
  },
);

onSmallDisk(title('a damaged entry that a full disk keeps from being removed blocks no caller'), async t => {
  const { root, cache, fill: fillUp } = await disk(t, 'full-and-damaged');
  t.true(await cache.set('large', large('b')));
  const blobs = join(root, 'full-and-damaged', 'blobs');
  const [shard] = (await readdir(blobs)).filter(name => name !== 'tmp');
  const [blob] = await readdir(join(blobs, shard!));
  await writeFile(join(blobs, shard!, blob!), 'damaged');
  fillUp();
  await untilRefused(index => cache.set(`filling-${index}`, small('new')));
  fillUp();
  t.is(await cache.getOrSet('large', () => 'produced'), 'produced');
  t.is(await cache.get('large'), undefined);
});

onSmallDisk(
  title('a process whose cache is on a full disk is idle when it has nothing to do, and ends'),
  async t => {
    const root = await mountMemory(t, '2m');
    const program = new URL('full-process.ts', import.meta.url).pathname;
    mkdirSync(join(root, 'cache'), { mode: 0o700 });
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', program, join(root, 'cache')],
      {
        timeout: 30_000,
      },
    );
    const { refused, deleted, busy } = JSON.parse(stdout) as {
      refused: boolean;
      deleted: boolean;
      busy: number;
    };
    t.true(refused && deleted);
    t.true(busy < 0.5, `busy ${busy} of the time`);
  },
);
