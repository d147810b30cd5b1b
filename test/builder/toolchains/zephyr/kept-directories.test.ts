// Limits on the directories of last builds.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  acquireStableDirectory,
  listKept,
  MAX_KEPT,
  MAX_KEPT_BYTES,
  removeKept,
} from '../../../../src/builder/toolchains/zephyr/stable-build-directory.ts';
import { currentProcessId } from '../../../../src/system/process-identity.ts';
import { writeKept } from '../../../support/kept-builds.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

async function cacheRootFor(t: ExecutionContext): Promise<string> {
  const root = await temporaryDirectory(t);
  chmodSync(root, 0o700);
  return root;
}

/** A build of another target, which keeps its directory. */
async function keepOne(cacheRoot: string, bytes = 1): Promise<void> {
  const station = await acquireStableDirectory(cacheRoot, ['/config', 'newest'], 'kind');
  writeFileSync(station!.kept!.state, JSON.stringify({ schema: 1, bytes }));
  await station!.close('built');
}

const names = (cacheRoot: string) => listKept(cacheRoot).map(({ directory }) => path.basename(directory));

test('only a limited number of directories is kept, the most recently used ones', async t => {
  const root = await cacheRootFor(t);
  // The older the smaller its number.
  for (let index = 1; index <= MAX_KEPT; index++) writeKept(root, index, 1, 1_000 - index);
  await keepOne(root);
  const kept = names(root);
  t.is(kept.length, MAX_KEPT);
  t.false(kept.includes('0000000000000001'));
  t.true(kept.includes('0000000000000002'));
  t.false(existsSync(path.join(root, 'west/0000000000000001/build')));
});

test('only a limited number of bytes is kept, and the newest directory whatever its size', async t => {
  const root = await cacheRootFor(t);
  writeKept(root, 1, MAX_KEPT_BYTES / 2, 30);
  writeKept(root, 2, MAX_KEPT_BYTES / 2, 20);
  writeKept(root, 3, MAX_KEPT_BYTES / 4, 10);
  await keepOne(root, MAX_KEPT_BYTES / 4);
  t.deepEqual(names(root).slice(1), ['0000000000000003', '0000000000000002']);
  await keepOne(root, MAX_KEPT_BYTES * 2);
  t.is(names(root).length, 1);
});

test('a directory that is in use is not removed', async t => {
  const root = await cacheRootFor(t);
  const used = writeKept(root, 1, 10, 10);
  writeKept(root, 2, 10, 20);
  writeFileSync(path.join(used, 'owner'), JSON.stringify({ ...currentProcessId(), leaders: [] }));
  t.is(await removeKept(root, listKept(root)), 10);
  t.deepEqual(names(root), ['0000000000000001']);
});
