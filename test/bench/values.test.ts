import { copyFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type DataSet, OBJECTS, SMALL } from '../../bench/data-set.ts';
import { type BuildRecord, ByteValues, valuesOf, WrongValueError } from '../../bench/values.ts';

const SIZE = 200;
const LARGE = 64 * 1024;
const small = new ByteValues(SIZE);

test('a value says which version of which key it is', t => {
  for (const size of [SIZE, 1024, LARGE]) {
    const values = new ByteValues(size);
    for (const [key, version] of [
      [0, 1],
      [4095, 70_000],
      [999_999, 2 ** 30],
    ] as const) {
      const value = values.make(key, version);
      t.is(value.length, size);
      t.is(values.versionOf(key, value, true), version);
      t.is(values.versionOf(key, value, false), version);
    }
  }
});

test('a value owns its memory, so that sending it copies nothing else', t => {
  t.is(small.make(1, 1).buffer.byteLength, SIZE);
});

test('a value of another key is wrong', t => {
  t.throws(() => small.versionOf(2, small.make(1, 1), false), {
    instanceOf: WrongValueError,
    message: /value of key 1/,
  });
});

test('a value that has another length, or is not bytes, is wrong', t => {
  t.throws(() => small.versionOf(1, small.make(1, 1).subarray(1), false), {
    message: /199 bytes instead of 200/,
  });
  t.throws(() => small.versionOf(1, 'text', false), { message: /not bytes/ });
});

test('a value that begins as one version and ends as another is wrong', t => {
  const torn = small.make(1, 1);
  torn.set(small.make(1, 2).subarray(100), 100);
  t.throws(() => small.versionOf(1, torn, false), { instanceOf: WrongValueError, message: /damaged/ });
});

test('a large value with one page of another version is wrong, even in a quick check', t => {
  const values = new ByteValues(LARGE);
  const torn = Buffer.from(values.make(1, 1));
  torn.set(values.make(1, 2).subarray(8192, 12_288), 8192);
  t.throws(() => values.versionOf(1, torn, false), { instanceOf: WrongValueError, message: /damaged/ });
});

test('a full check finds any single wrong byte', t => {
  for (const [values, step] of [
    [small, 1],
    [new ByteValues(LARGE), 4001],
  ] as const) {
    const { length } = values.make(1, 1);
    for (let index = 0; index < length; index += step) {
      const value = Buffer.from(values.make(1, 1));
      value[index]! ^= 0x40;
      t.throws(() => values.versionOf(1, value, true), { instanceOf: WrongValueError }, `byte ${index}`);
    }
  }
});

test('a value in a longer buffer, as lmdb returns it, is right', t => {
  const values = new ByteValues(LARGE);
  const memory = Buffer.alloc(2 * LARGE);
  memory.set(values.make(3, 4));
  Object.defineProperty(memory, 'length', { value: LARGE });
  t.is(values.versionOf(3, memory, true), 4);
});

test('a record is about 1 KiB of nested JSON, and says which version of which key it is', t => {
  const values = valuesOf(OBJECTS, '');
  const record = values.make(17, 5);
  const { length } = JSON.stringify(record);
  t.true(length > 900 && length < 1300, String(length));
  t.is(values.versionOf(17, JSON.parse(JSON.stringify(record)), true), 5);
});

test('a record of another key, of two versions, or with anything else changed is wrong', t => {
  const values = valuesOf(OBJECTS, '');
  const changed = (change: (record: BuildRecord) => void, isWhole: boolean) => () => {
    const record = values.make(17, 5) as BuildRecord;
    change(record);
    return values.versionOf(17, record, isWhole);
  };
  t.throws(() => values.versionOf(18, values.make(17, 5), false), { message: /of key 17/ });
  t.throws(() => values.versionOf(18, 'text', false), { message: /not a record/ });
  t.throws(
    changed(record => {
      record.end.version = 6;
    }, false),
    { message: /damaged/ },
  );
  t.throws(
    changed(record => {
      record.inputs[2]!.hash = 'x';
    }, true),
    { message: /damaged/ },
  );
});

const FILES: DataSet = { name: 'files', kind: 'file', size: LARGE, keys: 4, absent: 0 };

async function scratch(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a file says which version of which key it is', async t => {
  const directory = await scratch(t);
  const values = valuesOf(FILES, join(directory, 'source'));
  const other = join(directory, 'other');
  await copyFile(values.make(3, 1) as string, other);
  const path = values.make(3, 2);
  t.is(values.versionOf(3, path, true), 2);
  t.is(values.versionOf(3, other, true), 1);
  t.throws(() => values.versionOf(2, path, false), { message: /file of key 3/ });
});

test('a truncated or damaged file is wrong', async t => {
  const directory = await scratch(t);
  const values = valuesOf(FILES, join(directory, 'source'));
  const path = values.make(3, 2) as string;
  const damaged = join(directory, 'damaged');
  await copyFile(path, damaged);
  await writeFile(damaged, 'x', { flag: 'r+' });
  t.throws(() => values.versionOf(3, damaged, false), { instanceOf: WrongValueError });
  await copyFile(path, damaged);
  await truncate(damaged, LARGE - 1);
  t.throws(() => values.versionOf(3, damaged, false), { message: /65535 bytes instead of 65536/ });
});

test('the small data set has values of 200 bytes', t => {
  t.is(SMALL.size, SIZE);
  t.is((valuesOf(SMALL, '').make(1, 1) as Uint8Array).length, SIZE);
});
