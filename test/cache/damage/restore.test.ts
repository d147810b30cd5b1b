// A process that is killed while it restores a file: the destination is unchanged, and its temporary file does not stay
// for long.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createDefaultCache } from '../../../src/index.ts';
import { processFilePrefix } from '../../../src/system/process-identity.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const DAY = 24 * 60 * 60 * 1000;
// Large enough for the copy and its hash to take a while.
const FIRMWARE = Buffer.alloc(20_000_000, 'firmware');
const UUID = '00000000-0000-4000-8000-000000000000';

async function prepare(t: ExecutionContext) {
  const cacheRoot = await temporaryRoot(t);
  const output = join(cacheRoot, 'output');
  await mkdir(output);
  const cache = createDefaultCache({ cacheRoot, tag: 'restored' });
  const source = join(cacheRoot, 'source');
  const put = async (key: string, content: string | Buffer) => {
    await writeFile(source, content);
    await cache.putFile(key, source);
  };
  return { cacheRoot, cache, output, put };
}

test.serial(
  'the temporary file of a killed getFile is removed by the next one into that directory',
  async t => {
    const { cacheRoot, cache, output, put } = await prepare(t);
    const destination = join(output, 'left.uf2');
    await writeFile(destination, 'older');
    await put('large', FIRMWARE);
    const program = join(import.meta.dirname, 'restoring-process.ts');
    const child = spawn(process.execPath, [program, cacheRoot, 'large', destination], { stdio: 'inherit' });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    t.is(signal, 'SIGKILL');
    t.is(await readFile(destination, 'utf8'), 'older');
    const left = (await readdir(output)).filter(name => name !== 'left.uf2');
    t.is(left.length, 1);
    t.true(left[0]!.startsWith(`.glovebox-${child.pid}-`), left[0]);
    await put('small', 'new');
    t.true(await cache.getFile('small', destination));
    t.is(await readFile(destination, 'utf8'), 'new');
    t.deepEqual(await readdir(output), ['left.uf2']);
  },
);

test.serial("only Glovebox's own temporary files are removed, and none that may be in use", async t => {
  const { cache, output, put } = await prepare(t);
  const living = processFilePrefix();
  // A pid that no process can have.
  const dead = living.replace(/^\d+/, '4194305');
  const elsewhere = `${process.pid}-ffffffff`;
  const kept = [
    `.glovebox-${living}-${UUID}.tmp`,
    `.glovebox-${elsewhere}-${UUID}.tmp`,
    `.glovebox-${dead}-notes.tmp`,
    `.glovebox-${dead}-${UUID}`,
    `${dead}-${UUID}.tmp`,
    'notes.tmp',
  ];
  for (const name of [...kept, `.glovebox-${dead}-${UUID}.tmp`]) await writeFile(join(output, name), 'x');
  const old = `.glovebox-${elsewhere}-${UUID.replace('4', '5')}.tmp`;
  await writeFile(join(output, old), 'x');
  await utimes(join(output, old), new Date(), new Date(Date.now() - DAY - 1000));
  // Neither a directory nor a link is one.
  const directory = `.glovebox-${dead}-${UUID.replace('4', '6')}.tmp`;
  await mkdir(join(output, directory));
  const link = `.glovebox-${dead}-${UUID.replace('4', '7')}.tmp`;
  await symlink(join(output, 'notes.tmp'), join(output, link));
  await put('small', 'new');
  t.true(await cache.getFile('small', join(output, 'new.uf2')));
  t.deepEqual((await readdir(output)).sort(), [...kept, directory, link, 'new.uf2'].sort());
});
