import { linkSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collectFirmware } from '../../../../src/builder/toolchains/zephyr/firmware.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

async function buildOf(t: ExecutionContext, files: readonly string[]) {
  const root = await temporaryDirectory(t);
  const build = path.join(root, 'build');
  mkdirSync(path.join(build, 'zephyr'), { recursive: true });
  const startMark = path.join(root, 'started');
  writeFileSync(startMark, '');
  const file = (name: string) => path.join(build, 'zephyr', name);
  for (const name of files) writeFileSync(file(name), name);
  const collect = async (fallbackBinary?: string) => {
    const found = await collectFirmware({ build, artifactName: 'left', fallbackBinary, startMark });
    return typeof found === 'string'
      ? found
      : found.map(artifact => `${artifact.name} ${path.basename(artifact.path)}`);
  };
  return { root, build, startMark, file, collect };
}

test("ZMK's name takes precedence over Zephyr's, for each extension, and nothing else is copied", async t => {
  const { collect } = await buildOf(t, [
    'zmk.uf2',
    'zephyr.uf2',
    'zephyr.elf',
    'zmk.map',
    'zephyr.dts.pre',
    '.config',
  ]);
  t.deepEqual(await collect(), [
    'left.config .config',
    'left.dts zephyr.dts.pre',
    'left.elf zephyr.elf',
    'left.uf2 zmk.uf2',
  ]);
});

test('any extension can be the fallback', async t => {
  const { collect } = await buildOf(t, ['zmk.s19', 'zephyr.dts', 'zephyr.dts.pre']);
  t.regex(String(await collect()), /^The build made no firmware: .*zmk\.bin/);
  t.deepEqual(await collect('s19'), ['left.dts zephyr.dts', 'left.s19 zmk.s19']);
});

test('an artifact that is older than the start is refused, whatever its timestamps say', async t => {
  const { startMark, file, collect } = await buildOf(t, ['zmk.uf2', 'zmk.elf']);
  t.true(Array.isArray(await collect()));
  // The clock of the file system advances in steps.
  while (statSync(startMark).ctimeMs <= statSync(file('zmk.elf')).ctimeMs) writeFileSync(startMark, '');
  t.regex(String(await collect()), /^The artifact zephyr\/zmk\.uf2 is older than the build/);
  renameSync(file('zmk.uf2'), file('new'));
  writeFileSync(file('zmk.uf2'), 'new');
  t.regex(String(await collect()), /^The artifact zephyr\/zmk\.elf is older than the build/);
});

test('links and directories are not artifacts', async t => {
  const { root, build, file, collect } = await buildOf(t, ['zmk.uf2', 'real.hex']);
  symlinkSync('real.hex', file('zmk.hex'));
  t.regex(String(await collect()), /zephyr\/zmk\.hex is a symbolic link/);
  renameSync(file('zmk.hex'), file('link'));
  mkdirSync(file('zmk.hex'));
  t.regex(String(await collect()), /zephyr\/zmk\.hex is not a regular file/);
  renameSync(file('zmk.hex'), file('directory'));
  linkSync(file('real.hex'), file('zmk.hex'));
  t.true(Array.isArray(await collect()));
  renameSync(path.join(build, 'zephyr'), path.join(root, 'elsewhere'));
  symlinkSync('../elsewhere', path.join(build, 'zephyr'));
  t.regex(String(await collect()), /zephyr\/zmk\.uf2 is outside the build directory/);
});
