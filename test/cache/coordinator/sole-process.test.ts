// A process that is alone with a store, and then is not: which changes it records for others, which copies they drop,
// and what is left when one of them is killed at that moment.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { currentProcess } from '../../../src/system/process-identity.ts';
import { eventually } from '../../support/eventually.ts';
import type { Tools } from '../../support/glovebox.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';

/** The store of this process, and the content of its database. */
async function prepare(t: ExecutionContext) {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  t.true(await cache.set('key', 'old'));
  const database = new Database(join(cacheRoot, 'a', 'cache.db'));
  t.teardown(() => database.close());
  const owner = database.prepare<[], string>('SELECT writer FROM owner').pluck();
  const own = owner.get()!;
  return {
    cacheRoot,
    cache,
    database,
    isAlone: () => owner.get() === own,
    isShared: () => owner.get() === '',
    /** Records in the change log, after the one with its generation. */
    noted: () => Math.max(logSize(join(cacheRoot, 'a', 'cache.db-changes')) / 16 - 1, 0),
    own,
    names: () => database.prepare<[], string>('SELECT name FROM participants').pluck().all(),
  };
}

function logSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** A process that has the store open until it is killed, and prints `<key> <value>` whenever that changes. */
function startReader(t: ExecutionContext, cacheRoot: string, keys: string[] = []) {
  return startProcess(
    t,
    async ({ createDefaultCache }: Tools, cacheRoot: string, keys: string[]) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      const latest = new Map<string, unknown>();
      await cache.get('key');
      console.log('open');
      for (let round = 0; ; round++) {
        // The second read keeps a copy.
        if (round === 3) console.log('has copies');
        for (const key of keys) {
          const value = await cache.get(key);
          if (value !== latest.get(key)) console.log(`${key} ${value}`);
          latest.set(key, value);
        }
        await new Promise(resolve => setTimeout(resolve, 3));
      }
    },
    [cacheRoot, keys],
  );
}

async function writeUntil(cache: Cache, isDone: () => boolean): Promise<void> {
  for (let count = 0; ; count++) {
    await cache.set('other', count);
    if (isDone()) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

test.serial('a process that is alone records none of its changes', async t => {
  const { cache, isAlone, noted } = await prepare(t);
  await Promise.all(Array.from({ length: 50 }, (_, index) => cache.set(`key-${index}`, index)));
  await cache.deleteMany(['key-1', 'key-2']);
  await cache.increment('count');
  await cache.set('large', Buffer.alloc(100_000));
  await cache.clear();
  t.true(isAlone());
  t.is(noted(), 0);
});

test.serial(
  'another process that opens the store drops the copies of changed keys, and keeps the others',
  async t => {
    const { cache, cacheRoot, database, isShared, noted } = await prepare(t);
    await cache.set('still', 'old');
    const reader = startReader(t, cacheRoot, ['key', 'still']);
    await reader.line('has copies');
    t.true(isShared());
    // Changed behind the cache's back: a read from the database finds no intact entry.
    database.prepare('UPDATE entries SET checksum = checksum + 1 WHERE key = ?').run('still');
    for (let round = 0; round < 30; round++) {
      t.true(await cache.set('key', `new ${round}`));
      await reader.line(`key new ${round}`);
    }
    t.is(noted(), 30);
    reader.kill('SIGKILL');
    const { lines } = await reader.ended();
    t.deepEqual(
      lines.filter(line => line.startsWith('still')),
      ['still old'],
    );
  },
);

test.serial('changes of too many keys to record one by one, and changes of all keys, are seen', async t => {
  const { cache, cacheRoot } = await prepare(t);
  const reader = startReader(t, cacheRoot, ['key']);
  await reader.line('key old');
  const many = Array.from({ length: 2000 }, (_, index): [string, unknown] => [`key-${index}`, index]);
  await cache.setMany([...many, ['key', 'one of many']]);
  await reader.line('key one of many');
  await cache.clear();
  await reader.line('key undefined');
});

for (const [name, end] of [
  ['closes the store', undefined],
  ['is killed', 'SIGKILL'],
] as const) {
  test.serial(`when the other process ${name}, this one is alone again and records nothing more`, async t => {
    const { cache, cacheRoot, isAlone, isShared, names, noted } = await prepare(t);
    const other = startProcess(
      t,
      async ({ createDefaultCache }, cacheRoot, end) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        await cache.set('theirs', process.pid);
        console.log('open');
        if (end) await new Promise(() => setInterval(() => undefined, 1000));
        while ((await cache.get('end')) === undefined) await new Promise(resolve => setTimeout(resolve, 5));
        await cache.close();
      },
      [cacheRoot, end],
    );
    await other.line('open');
    t.true(isShared());
    t.is(names().length, 2);
    if (end) other.kill(end);
    else await cache.set('end', 1);
    await other.ended();
    await writeUntil(cache, isAlone);
    t.is(names().length, 1);
    const before = noted();
    for (let count = 0; count < 20; count++) await cache.set('key', count);
    t.is(noted(), before);
    t.is(typeof (await cache.get('theirs')), 'number');
  });
}

test.serial(
  'a process that is killed while it opens the store leaves this one alone, and nothing locked',
  async t => {
    const { cache, cacheRoot, isAlone, names } = await prepare(t);
    const other = startProcess(
      t,
      ({ connect }, file) => {
        // The steps of opening, up to its commit.
        const database = connect(file, {});
        database.exec(
          `BEGIN IMMEDIATE; INSERT INTO participants VALUES ('theirs', ${process.pid}, 'host', 0);
         UPDATE owner SET writer = '', run = run + 1`,
        );
        console.log('half open');
        setInterval(() => undefined, 1000);
      },
      [join(cacheRoot, 'a', 'cache.db')],
    );
    await other.line('half open');
    const written = cache.set('key', 'meanwhile');
    other.kill('SIGKILL');
    t.true(await written);
    t.true(isAlone());
    t.is(names().length, 1);
    t.is(await cache.get('key'), 'meanwhile');
  },
);

test.serial(
  'a process that was alone when it was killed does not count as a participant for the next one',
  async t => {
    const { cacheRoot, cache, isAlone, database } = await prepare(t);
    const other = startReader(t, cacheRoot);
    await other.line('open');
    await cache.close();
    other.kill('SIGKILL');
    await other.ended();
    const next = createDefaultCache({ cacheRoot, tag: 'a' });
    t.is(await next.get('key'), 'old');
    t.is(database.prepare('SELECT count(*) FROM participants').pluck().get(), 1);
    t.true(isAlone());
  },
);

test.serial('a later process with the pid of a dead one is not mistaken for it', async t => {
  const { cache, database, isAlone } = await prepare(t);
  const { pid, host, started } = currentProcess();
  const add = database.prepare('INSERT INTO participants VALUES (?, ?, ?, ?)');
  database.exec("UPDATE owner SET writer = '', run = run + 1");
  add.run('dead', pid, host, started - 1);
  await writeUntil(cache, isAlone);
  // A process of another machine is never considered dead.
  add.run('elsewhere', 1, 'another host', 0);
  database.exec("UPDATE owner SET writer = '', run = run + 1");
  for (let count = 0; count < 150; count++) {
    await cache.set('key', count);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  t.false(isAlone());
});

test.serial('a process that was considered dead reads nothing older than the staleness bound', async t => {
  const { cache, cacheRoot, database, isAlone, isShared, own } = await prepare(t);
  const reader = startReader(t, cacheRoot, ['key']);
  await reader.line('key old');
  t.true(isShared());
  await cache.set('key', 'noted');
  await reader.line('key noted');
  // As this process would do after it found the other one dead.
  database.prepare('DELETE FROM participants WHERE name <> ?').run(own);
  database.prepare('UPDATE owner SET writer = ?, run = run + 1').run(own);
  for (let round = 0; round < 20; round++) {
    t.true(await cache.set('key', `alone ${round}`));
    await reader.line(`key alone ${round}`);
  }
  t.true(isAlone());
});

test.serial('two processes that both believe they are alone find each other by writing', async t => {
  const { cache, cacheRoot, database, isShared, names, own } = await prepare(t);
  const other = startProcess(
    t,
    async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      await cache.get('key');
      console.log('open');
      while ((await cache.get('go')) === undefined) await new Promise(resolve => setTimeout(resolve, 5));
      for (let count = 0; count < 20; count++) await cache.increment('count');
      console.log('done');
      await new Promise(() => setInterval(() => undefined, 1000));
    },
    [cacheRoot],
  );
  await other.line('open');
  await cache.set('noted', 1);
  database.exec('DELETE FROM participants');
  database.prepare('UPDATE owner SET writer = ?, run = run + 1').run(own);
  await cache.set('go', 1);
  for (let count = 0; count < 20; count++) await cache.increment('count');
  await other.line('done');
  t.is(await cache.get('count'), 40);
  // Whichever of them is alone now, the other one's next write ends that.
  t.true(await cache.set('key', 'again'));
  await eventually(isShared, names);
  other.kill('SIGKILL');
  await other.ended();
  await writeUntil(cache, () => !isShared());
});
