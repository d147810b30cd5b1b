// The change log between processes: a reader finds each change at or after its commit, whatever happens to the file.
import { appendFileSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  ChangeLog,
  type Changes,
  MAX_HASHES,
  NOWHERE,
} from '../../../../src/cache/storage/sqlite/change-log.ts';
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

test('a log that is not there may have anything in it; a new one is told apart', async t => {
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
