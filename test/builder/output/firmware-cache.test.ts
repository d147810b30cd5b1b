import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  ArtifactNameError,
  assertArtifactName,
  createFirmwareCacheService,
} from '../../../src/builder/output/firmware.ts';
import { keysOf } from '../incremental/compile-fixture.ts';

async function createBench(t: ExecutionContext) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'firmware-'));
  const firmware = createFirmwareCacheService(undefined, {
    cacheRoot: path.join(root, 'cache'),
    clock: () => 1000,
  });
  const out = path.join(root, 'out');
  await mkdir(out);
  t.teardown(async () => {
    await firmware.cache.close();
    await rm(root, { recursive: true, force: true });
  });
  const make = async (name: string, content: string) => {
    const file = path.join(root, name);
    await writeFile(file, content);
    return { name, path: file };
  };
  return { firmware, out, make };
}

test('firmware is restored with every file, its content and mode', async t => {
  const { firmware, out, make } = await createBench(t);
  const uf2 = await make('left.uf2', 'uf2');
  const elf = await make('left.elf', 'elf');
  await chmod(elf.path, 0o755);
  t.true(await firmware.store('f1', [uf2, elf], { compileDuration: 1234 }));
  await writeFile(uf2.path, 'overwritten afterwards');
  const restored = await firmware.restore('f1', out);
  t.deepEqual(restored?.files, [path.join(out, 'left.uf2'), path.join(out, 'left.elf')]);
  t.like(restored?.record, { compileDuration: 1234, created: 1000 });
  t.like(restored?.record.artifacts, [{ name: 'left.uf2', size: 3 }, { name: 'left.elf' }]);
  t.is(await readFile(path.join(out, 'left.uf2'), 'utf8'), 'uf2');
  t.is((await stat(path.join(out, 'left.elf'))).mode & 0o777, 0o755);
});

test('metadata of firmware is restored with it, and stays absent where there was none', async t => {
  const { firmware, make } = await createBench(t);
  const uf2 = await make('left.uf2', 'uf2');
  const warnings = Array.from({ length: 200 }, (_, index) => `warning ${index}`);
  t.true(await firmware.store('f1', [uf2], { compileDuration: 1, warnings }));
  t.deepEqual((await firmware.find('f1'))?.warnings, warnings.slice(0, 100));
  t.true(await firmware.store('f2', [uf2], { compileDuration: 1 }));
  t.is((await firmware.find('f2'))?.warnings, undefined);
  const memory = { flash: { used: 1, size: 2 } };
  t.true(await firmware.store('f3', [uf2], { compileDuration: 1, memory }));
  t.deepEqual((await firmware.find('f3'))?.memory, memory);
  const key = (await keysOf(firmware.cache)).find(name => name.startsWith('f2') && name.endsWith('record'))!;
  const record = JSON.parse((await firmware.cache.get<string>(key))!) as object;
  for (const damaged of ['text', [1], Array.from({ length: 101 }, () => 'x')]) {
    await firmware.cache.set(key, JSON.stringify({ ...record, warnings: damaged }));
    t.is(await firmware.find('f2'), undefined);
  }
});

test('firmware of another fingerprint is not found', async t => {
  const { firmware, out, make } = await createBench(t);
  await firmware.store('f1', [await make('a.uf2', 'a')], { compileDuration: 1 });
  t.is(await firmware.find('f2'), undefined);
  t.is(await firmware.restore('f2', out), undefined);
});

test('firmware that lacks a file is a miss', async t => {
  const { firmware, out, make } = await createBench(t);
  await firmware.store('f1', [await make('a.uf2', 'a'), await make('b.elf', 'b')], { compileDuration: 1 });
  const keys = await keysOf(firmware.cache);
  await firmware.cache.delete(keys.find(key => key.endsWith('b.elf'))!);
  t.is(await firmware.find('f1'), undefined);
  t.is(await firmware.restore('f1', out), undefined);
  t.deepEqual(await readdir(out), []);
});

test('storing again replaces the whole, never a part', async t => {
  const { firmware, out, make } = await createBench(t);
  await firmware.store('f1', [await make('a.uf2', 'old'), await make('b.elf', 'old')], {
    compileDuration: 1,
  });
  await firmware.store('f1', [await make('a.uf2', 'new')], { compileDuration: 1 });
  await firmware.restore('f1', out);
  t.deepEqual(await readdir(out), ['a.uf2']);
  t.is(await readFile(path.join(out, 'a.uf2'), 'utf8'), 'new');
});

test('a link at the destination is replaced and not followed', async t => {
  const { firmware, out, make } = await createBench(t);
  await firmware.store('f1', [await make('a.uf2', 'firmware')], { compileDuration: 1 });
  const victim = await make('victim', 'untouched');
  await symlink(victim.path, path.join(out, 'a.uf2'));
  await firmware.restore('f1', out);
  t.is(await readFile(path.join(out, 'a.uf2'), 'utf8'), 'firmware');
  t.is(await readFile(victim.path, 'utf8'), 'untouched');
});

test('removed firmware is gone', async t => {
  const { firmware, make } = await createBench(t);
  await firmware.store('f1', [await make('a.uf2', 'a')], { compileDuration: 1 });
  t.true(await firmware.forget('f1'));
  t.is(await firmware.find('f1'), undefined);
  t.deepEqual(await keysOf(firmware.cache), []);
  t.false(await firmware.forget('f1'));
});

test('an invalid file name is not stored', async t => {
  const { firmware, make } = await createBench(t);
  const file = await make('a.uf2', 'a');
  await t.throwsAsync(firmware.store('f1', [{ ...file, name: '../a.uf2' }], { compileDuration: 1 }), {
    instanceOf: ArtifactNameError,
  });
  t.is(await firmware.find('f1'), undefined);
});

test('an accepted name is a direct child of any directory', t => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('..', '.', 'a/b', 'a\0')),
      name => {
        try {
          assertArtifactName(name);
        } catch (error) {
          return error instanceof ArtifactNameError;
        }
        const file = path.join('/output', name);
        return path.dirname(file) === '/output' && path.basename(file) === name;
      },
    ),
  );
  for (const name of ['corne_left nice_view-nice_nano_v2-zmk.uf2', '.config', 'ü.uf2']) {
    t.notThrows(() => assertArtifactName(name));
  }
});
