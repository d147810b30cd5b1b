// The change log between processes: a reader finds each change at or after its commit, whatever happens to the file.
import { appendFileSync, mkdirSync, rmSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodePending, isReady } from '../../../../src/cache/client/pending-value.ts';
import type { WriteOperation } from '../../../../src/cache/operations.ts';
import { SharedMemory } from '../../../../src/cache/shared/shared-memory.ts';
import { hashOf } from '../../../../src/cache/shared/versions.ts';
import {
  ChangeLog,
  type Changes,
  MAX_HASHES,
  NOWHERE,
} from '../../../../src/cache/storage/sqlite/change-log.ts';
import { SqliteStore } from '../../../../src/cache/storage/sqlite/store.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

async function makeLogs(t: ExecutionContext) {
  const file = join(await temporaryDirectory(t), 'cache.db-changes');
  const open = (name: string) => {
    const log = new ChangeLog(file, name);
    t.teardown(() => log.close());
    return log;
  };
  const [writer, other, reader] = [open('writer'), open('other'), open('reader')] as const;
  writer.open();
  other.open();
  let { position } = reader.read(NOWHERE);
  /** What the reader finds after what it found before. */
  const follow = (): Changes['hashes'] => {
    const changes = reader.read(position);
    position = changes.position;
    return changes.hashes;
  };
  return { file, open, writer, other, reader, follow };
}

test('each change is found, and that of the last transaction again, because it may not be committed yet', async t => {
  const { writer, other, follow } = await makeLogs(t);
  t.deepEqual(follow(), []);
  writer.note([1, -2, 3]);
  t.deepEqual(follow(), [1, -2, 3]);
  t.deepEqual(follow(), [1, -2, 3], 'the writer may have been suspended before its commit');
  other.note([4]);
  t.deepEqual(follow(), [1, -2, 3, 4]);
  writer.note([5]);
  writer.note([6]);
  t.deepEqual(follow(), [4, 5, 6]);
  t.deepEqual(follow(), [6]);
});

test('a process does not find its own changes', async t => {
  const { writer, other } = await makeLogs(t);
  const { position } = writer.read(NOWHERE);
  writer.note([1]);
  other.note([2]);
  writer.note([3]);
  t.deepEqual(writer.read(position).hashes, [2]);
});

test('a reader that begins finds what was recorded just before, which may not be committed yet', async t => {
  const { writer, open } = await makeLogs(t);
  writer.note([1]);
  const late = open('late');
  const { hashes, position } = late.read(NOWHERE);
  t.is(hashes, 'all');
  t.deepEqual(late.read(position).hashes, [1]);
  for (let count = 0; count < 2000; count++) writer.note([count]);
  const most = Array.from({ length: MAX_HASHES }, (_, index) => 10_000 + index);
  writer.note(most);
  t.deepEqual(late.read(late.read(NOWHERE).position).hashes, most);
  t.deepEqual((late.read(position).hashes as number[]).slice(0, 3), [1, 0, 1]);
});

test('a log that has become too long is begun anew, and its readers drop all copies', async t => {
  const { file, writer, follow } = await makeLogs(t);
  const many = Array.from({ length: MAX_HASHES }, (_, index) => index);
  let all = 0;
  for (let count = 0; count < 1000; count++) {
    writer.note(many);
    if (follow() === 'all') all++;
    t.true(statSync(file).size < 1.2 * 2 ** 20);
  }
  t.true(all >= 2 && all <= 5, `${all} times`);
  writer.note([7]);
  t.true((follow() as number[]).includes(7));
});

test('readers drop all copies after damage, and go on', async t => {
  const { file, writer, other, follow } = await makeLogs(t);
  const damages: Record<string, () => void> = {
    'cut short': () => truncateSync(file, 5 * 16),
    emptied: () => truncateSync(file, 0),
    'something else': () => appendFileSync(file, 'x'.repeat(16)),
    'half a record': () => appendFileSync(file, 'half a record'),
  };
  for (const [name, damage] of Object.entries(damages)) {
    for (let count = 0; count < 10; count++) writer.note([count]);
    follow();
    damage();
    writer.note([1]);
    other.note([2]);
    t.is(follow(), 'all', name);
    // As another process that opens the store does: it begins another run, and all open the log again.
    for (const log of [writer, other]) {
      log.close();
      log.open();
    }
    for (let count = 0; count < 2 * MAX_HASHES; count++) other.note([count]);
    follow();
    writer.note([3]);
    if (name !== 'half a record') t.true((follow() as number[]).includes(3), name);
    else t.is(follow(), 'all', name);
  }
});

test('a missing log counts as containing anything; a new one is recognised', async t => {
  const { file, open, writer, reader, follow } = await makeLogs(t);
  writer.note([1]);
  follow();
  unlinkSync(file);
  writer.note([2]);
  t.deepEqual(follow(), [1, 2], 'those that have it open go on with it');
  const late = open('late');
  t.deepEqual(late.read(NOWHERE), { hashes: 'all', position: NOWHERE });
  t.true(late.open(), 'its opener has to begin another run');
  reader.close();
  t.is(follow(), 'all');
  late.note([3]);
  t.deepEqual(follow(), [3]);
  t.false(open('later').open());
});

/** Two threads of one process, and other processes, with one store. */
async function makeStores(t: ExecutionContext) {
  const directory = join(await temporaryDirectory(t), 'tag');
  const shared = new SharedMemory();
  const open = (writer: string, more: { shared?: SharedMemory; attach?: boolean } = {}) => {
    const store = new SqliteStore({ directory, maxSize: 1e9, policy: 'none', writer, ...more });
    t.teardown(() => store.close());
    return store;
  };
  const first = open('one', { shared });
  const second = open('one', { shared: new SharedMemory(shared.buffers), attach: true });
  const { versions } = shared;
  const versionOf = (key: string) => versions.at(versions.slotOf(hashOf(key)));
  return { file: join(directory, 'cache.db-changes'), open, first, second, versionOf };
}

let count = 0;

function set(store: SqliteStore, key: string): void {
  // The same value again would not change any page.
  const value = encodePending(key, `value ${count++}`);
  if (!isReady(value)) throw new Error('It is too large.');
  const operation: WriteOperation = { type: 'set', key, value, expires: null };
  store.apply([{ operation, now: Date.now() }]);
}

test('each thread of a process goes on with a new log, whichever follows first', async t => {
  const { file, open, first, second, versionOf } = await makeStores(t);
  const other = open('two');
  set(other, 'earlier');
  for (const { reader } of [first, second]) reader.follow();
  unlinkSync(file);
  const third = open('three');
  for (const { reader } of [first, second, second]) reader.follow();
  for (let round = 0; round < 5; round++) {
    for (const [index, writer] of [third, other].entries()) {
      const [before, still] = [versionOf('key'), versionOf('still')];
      set(writer, 'key');
      second.reader.follow();
      t.not(versionOf('key'), before);
      // The first transaction of a process in this run may begin another one.
      if (round > 0) t.is(versionOf('still'), still, `${round} ${index}`);
    }
  }
});

test('where the log cannot be written to, every change makes the others drop all copies', async t => {
  const { file, open, first, versionOf } = await makeStores(t);
  mkdirSync(file);
  const other = open('two');
  first.reader.follow();
  for (let round = 0; round < 5; round++) {
    const [before, still] = [versionOf('key'), versionOf('still')];
    set(other, 'key');
    first.reader.follow();
    t.not(versionOf('key'), before);
    t.not(versionOf('still'), still);
  }
  // With a log again, another process that opens the store makes all begin anew.
  rmSync(file, { recursive: true });
  open('three');
  for (let round = 0; round < 3; round++) {
    set(other, 'key');
    first.reader.follow();
  }
  const still = versionOf('still');
  const before = versionOf('key');
  set(other, 'key');
  first.reader.follow();
  t.not(versionOf('key'), before);
  t.is(versionOf('still'), still);
});
