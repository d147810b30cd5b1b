// Flashing onto a real FAT file system where the system mounts removable drives: a loop-back image, or where the kernel
// knows no FAT, the same image through FUSE. Needs root.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type FlashEvent, type FlashPart, flash } from '../../../src/builder/flash/flash.ts';
import { eventually } from '../../support/eventually.ts';
import { firmware, plugIn, written } from './boot-loader.ts';

const MKFS = ['/sbin/mkfs.vfat', '/usr/sbin/mkfs.vfat'].find(file => existsSync(file));

const run = promisify(execFile);

/** A mounted FAT image; undefined, with the reason logged, where that cannot be done. */
function mountImage(t: ExecutionContext, kilobytes: number) {
  if (process.platform !== 'linux') return skip(t, 'only Linux has loop devices');
  if (process.getuid?.() !== 0) return skip(t, 'only root can mount an image');
  if (MKFS === undefined) return skip(t, 'mkfs.vfat is not installed (package dosfstools)');
  const directory = mkdtempSync(path.join(os.tmpdir(), 'fat-'));
  const image = path.join(directory, 'image');
  const mount = `/media/glovebox-${path.basename(directory)}/NICENANO`;
  mkdirSync(mount, { recursive: true });
  t.teardown(() => {
    try {
      execFileSync('umount', ['-l', mount], { stdio: 'ignore' });
    } catch {
      // It is unmounted already.
    }
    rmSync(path.dirname(mount), { recursive: true });
    rmSync(directory, { recursive: true });
  });
  try {
    execFileSync(MKFS, ['-C', image, String(kilobytes)], { stdio: 'pipe' });
  } catch (error) {
    return skip(t, `no image can be made here: ${(error as Error).message}`);
  }
  const refusals: string[] = [];
  for (const [program, ...args] of [
    ['mount', '-o', 'loop', image, mount],
    ['fusefat', '-o', 'rw+', image, mount],
  ] as const) {
    try {
      execFileSync(program, args, { stdio: 'pipe' });
      return { image, mount, directory };
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  return skip(t, `no image can be mounted here: ${refusals.join(' ')}`);
}

function skip(t: ExecutionContext, reason: string): undefined {
  t.log(`Skipped: ${reason}.`);
  t.pass(reason);
  return undefined;
}

async function partIn(directory: string, bytes: Buffer): Promise<FlashPart> {
  const file = path.join(directory, 'corne_left-nice_nano_v2-zmk.uf2');
  await writeFile(file, bytes);
  return { target: 'corne_left', part: 'the left half', file };
}

test.serial('a mounted FAT drive is found, and has all bytes when it disappears', async t => {
  const at = mountImage(t, 2_048);
  if (at === undefined) return;
  const { image, mount, directory } = at;
  await plugIn(mount);
  const bytes = firmware(1_000);
  const part = await partIn(directory, bytes);
  const events: FlashEvent[] = [];
  const done = flash([part], { interval: 5, onEvent: event => events.push(event) });
  await written(mount, path.basename(part.file), bytes.length);
  // Not before the file is closed.
  await eventually(() =>
    run('umount', [mount]).then(
      () => true,
      () => false,
    ),
  );
  await done;
  t.deepEqual(
    events.map(({ type }) => type),
    ['flash-waiting', 'flash-copying', 'flash-finished'],
  );
  t.true((await readFile(image)).includes(bytes), 'the drive had them on its own');
});

test.serial('a FAT drive that is too small is an error', async t => {
  const at = mountImage(t, 128);
  if (at === undefined) return;
  await plugIn(at.mount);
  const part = await partIn(at.directory, firmware(1_000));
  await t.throwsAsync(flash([part], { interval: 5, onEvent: () => {} }), {
    code: 'GLOVEBOX_FLASH',
    // FUSE has another code for it.
    message: /after \d+ of 512000 bytes: E(NOSPC|PERM)/,
  });
});
