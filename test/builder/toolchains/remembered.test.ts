import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { remembered } from '../../../src/builder/toolchains/remembered.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** Asks for what a file and a directory say; counts how often that is found out. */
async function bench(t: ExecutionContext, later = 60_000) {
  const root = await temporaryDirectory(t);
  const cache = createDefaultCache({ tag: 'memory', cacheRoot: path.join(root, 'cache') });
  const file = path.join(root, 'file');
  const directory = path.join(root, 'packages');
  writeFileSync(file, '1');
  mkdirSync(directory);
  let count = 0;
  const ask = (files = [file, directory, path.join(root, 'absent')]) =>
    remembered(
      cache,
      ['question'],
      (value): value is number => typeof value === 'number',
      async () => ({ answer: ++count, files }),
      () => Date.now() + later,
    );
  return { root, file, directory, ask };
}

test('an answer is remembered while its files are the same', async t => {
  const { ask } = await bench(t);
  t.deepEqual([await ask(), await ask()], [1, 1]);
});

test('a changed file, a new name in a directory, and a file that was missing make the question be asked again', async t => {
  const { root, file, directory, ask } = await bench(t);
  t.is(await ask(), 1);
  writeFileSync(file, '2');
  t.is(await ask(), 2);
  writeFileSync(path.join(directory, 'west.dist-info'), '');
  t.is(await ask(), 3);
  writeFileSync(path.join(root, 'absent'), '');
  t.is(await ask(), 4);
  rmSync(file);
  t.is(await ask(), 5);
  t.is(await ask(), 5);
});

test('an answer from a file that was just written is not remembered, because it may be written again at the same timestamp', async t => {
  const { ask } = await bench(t, 0);
  t.deepEqual([await ask(), await ask()], [1, 2]);
});

test('an answer that depends on no known file is not remembered', async t => {
  const { ask } = await bench(t);
  t.deepEqual([await ask([]), await ask([])], [1, 2]);
});
