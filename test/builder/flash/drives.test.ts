import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findDrives, readDrive } from '../../../src/builder/flash/drives.ts';
import { familiesIn } from '../../../src/builder/flash/uf2.ts';
import { firmware, NICE_NANO, PICO, plugIn } from './boot-loader.ts';

async function root(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'drives-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('drives are found where Linux and macOS mount them, by what they hold', async t => {
  const at = await root(t);
  const place = (...names: string[]) => path.join(at, ...names);
  await plugIn(place('media/me/NICENANO'));
  await plugIn(place('media/usb0'), PICO);
  await plugIn(place('run/media/me/RPI-RP2'), PICO);
  await plugIn(place('Volumes/NICENANO'));
  await plugIn(place('mnt/NICENANO'));
  await mkdir(place('media/me/photos'), { recursive: true });
  await mkdir(place('Volumes/Macintosh HD'), { recursive: true });
  const found = async (platform: NodeJS.Platform) =>
    (await findDrives(platform, at)).map(({ directory }) => path.relative(at, directory)).sort();
  t.deepEqual(await found('linux'), ['media/me/NICENANO', 'media/usb0', 'run/media/me/RPI-RP2']);
  t.deepEqual(await found('darwin'), ['Volumes/NICENANO']);
});

test.serial('on Windows every drive letter may be one', async t => {
  const before = process.cwd();
  process.chdir(await root(t));
  try {
    // Not Windows: a name like any other.
    await plugIn('E:\\', PICO);
    await plugIn('A:\\', PICO);
    t.deepEqual(
      (await findDrives('win32')).map(({ boardId }) => boardId),
      ['RPI-RP2'],
    );
  } finally {
    process.chdir(before);
  }
});

test('a drive has the name and the families of its boot loader', async t => {
  const at = await root(t);
  const read = async (info: string) => {
    await plugIn(at, info);
    const drive = await readDrive(at);
    return drive && [drive.boardId, drive.model, ...drive.families];
  };
  t.deepEqual(await read(NICE_NANO), ['nRF52840-nicenano', 'nice!nano', 0xada52840]);
  t.deepEqual(await read(PICO), ['RPI-RP2', 'Raspberry Pi RP2', 0xe48bff56]);
  t.deepEqual(await read('UF2 Bootloader 1\nBoard-ID: X\nSoftDevice: S140'), [
    'X',
    undefined,
    0xada52840,
    0x621e937a,
  ]);
  await writeFile(path.join(at, 'CURRENT.UF2'), firmware(2, 0x9807b007));
  t.deepEqual(await read('UF2 Bootloader 1\nBoard-ID: X'), ['X', undefined, 0x9807b007]);
  for (const other of ['', 'Board-ID: X', 'UF2 Bootloader 1\nModel: Y', 'UF2 Bootloader 1\nBoard-ID:']) {
    t.is(await read(other), undefined, other);
  }
  await rm(path.join(at, 'INFO_UF2.TXT'));
  await mkdir(path.join(at, 'INFO_UF2.TXT'));
  t.is(await readDrive(at), undefined);
});

test('the families of a UF2 file end with their last blocks', t => {
  const left = firmware(3, 0x9807b007);
  const right = firmware(2, 0x9808b007);
  t.deepEqual(
    [...familiesIn(Buffer.concat([left, right]))!],
    [
      [0x9807b007, 3 * 512],
      [0x9808b007, 5 * 512],
    ],
  );
  for (const at of [0, 4, 9, 508]) {
    const damaged = firmware(2);
    damaged[at + 512] = damaged[at + 512]! ^ 0x20;
    t.is(familiesIn(damaged), undefined, `byte ${at}`);
  }
  t.is(familiesIn(Buffer.alloc(0)), undefined);
  t.is(familiesIn(left.subarray(0, 700)), undefined);
});
