// Flashing, with directories that stand in for the drives of boot loaders.
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type FlashEvent,
  type FlashOptions,
  type FlashPart,
  flash,
} from '../../../src/builder/flash/flash.ts';
import { eventually } from '../../support/eventually.ts';
import { firmware, PICO, plugIn, unplug, written } from './boot-loader.ts';

/** A flash that is running, and its events. */
class Flashing {
  readonly events: FlashEvent[] = [];
  readonly done: Promise<void>;

  constructor(parts: FlashPart[], options: Omit<FlashOptions, 'onEvent'>) {
    this.done = flash(parts, { interval: 5, ...options, onEvent: event => this.events.push(event) });
    this.done.catch(() => {});
  }

  get types(): string[] {
    return this.events.map(({ type, part }) => `${type} ${part}`);
  }

  async next(type: FlashEvent['type'], part = ''): Promise<FlashEvent> {
    const find = () => this.events.find(event => event.type === type && event.part.includes(part));
    await eventually(
      () => find() !== undefined,
      () => this.types,
    );
    return find()!;
  }
}

async function bench(t: ExecutionContext) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'flash-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const drive = path.join(root, 'NICENANO');
  const part = async (side: string, bytes = firmware(100)): Promise<FlashPart> => {
    const file = path.join(root, `${side}.uf2`);
    await writeFile(file, bytes);
    return { target: `corne_${side}`, part: `the ${side} half`, file };
  };
  return { root, drive, part };
}

test('each half is waited for, copied to and waited for again, the left one first', async t => {
  const { drive, part } = await bench(t);
  const flashing = new Flashing([await part('left'), await part('right', firmware(100, undefined, 0xaa))], {
    drive,
  });
  await flashing.next('flash-waiting', 'left');
  for (const [side, fill] of [
    ['left', 0x55],
    ['right', 0xaa],
  ] as const) {
    await plugIn(drive);
    await written(drive, `${side}.uf2`, 100 * 512);
    t.deepEqual(await readFile(path.join(drive, `${side}.uf2`)), firmware(100, undefined, fill));
    t.like(await flashing.next('flash-copying', side), {
      ...{ drive, boardId: 'nRF52840-nicenano', model: 'nice!nano', bytes: 51_200 },
    });
    t.false(flashing.types.includes(`flash-finished the ${side} half`), 'not before the drive is gone');
    await unplug(drive);
    await flashing.next('flash-finished', side);
  }
  await flashing.done;
  t.deepEqual(
    flashing.types,
    ['left', 'right'].flatMap(side =>
      ['waiting', 'copying', 'finished'].map(what => `flash-${what} the ${side} half`),
    ),
  );
});

test('a drive that is not a boot loader is never written to', async t => {
  const { drive, part } = await bench(t);
  await mkdir(drive);
  await writeFile(path.join(drive, 'INFO_UF2.TXT'), 'Board-ID: nRF52840-nicenano\n');
  const flashing = new Flashing([await part('left')], { drive, signal: AbortSignal.timeout(50) });
  await t.throwsAsync(flashing.done);
  t.deepEqual(await readdir(drive), ['INFO_UF2.TXT']);
  t.deepEqual(flashing.types, ['flash-waiting the left half']);
});

test('a boot loader of another controller is refused once, and the right one is waited for', async t => {
  const { drive, part } = await bench(t);
  const flashing = new Flashing([await part('left')], { drive });
  await plugIn(drive, PICO);
  t.like(await flashing.next('flash-refused'), {
    ...{ drive, boardId: 'RPI-RP2' },
    why: 'It takes firmware for RP2040, and corne_left is for nRF52840.',
  });
  t.deepEqual(await readdir(drive), ['INFO_UF2.TXT']);
  await plugIn(drive, 'UF2 Bootloader v1\nBoard-ID: Unheard-Of\n');
  await eventually(() => flashing.types.length === 3);
  t.regex((flashing.events[2] as { why: string }).why, /^It is unknown which controller Unheard-Of has/);
  t.deepEqual(await readdir(drive), ['INFO_UF2.TXT']);
  await plugIn(drive);
  await written(drive, 'left.uf2', 51_200);
  await unplug(drive);
  await flashing.done;
  t.deepEqual(
    flashing.types.map(type => type.split(' ')[0]),
    ['flash-waiting', 'flash-refused', 'flash-refused', 'flash-copying', 'flash-finished'],
  );
});

test('a boot loader that does not take the firmware is an error', async t => {
  const { drive, part } = await bench(t);
  await plugIn(drive);
  const flashing = new Flashing([await part('left')], { drive, timeout: 30 });
  await t.throwsAsync(flashing.done, {
    code: 'GLOVEBOX_FLASH',
    message: /^nRF52840-nicenano has not taken the firmware: its drive .* is still there\./,
  });
});

test('a drive that cannot be written to is an error', async t => {
  const { drive, part } = await bench(t);
  await plugIn(drive);
  // A directory in the place of the file cannot be replaced.
  await mkdir(path.join(drive, 'left.uf2'));
  const flashing = new Flashing([await part('left', firmware(1000))], { drive, timeout: 30 });
  await t.throwsAsync(flashing.done, { code: 'GLOVEBOX_FLASH', message: /^Cannot write to .*NICENANO/ });
});

test('a link on a drive is replaced, and its destination is not written to', async t => {
  const { root, drive, part } = await bench(t);
  const victim = path.join(root, 'victim');
  await writeFile(victim, 'untouched');
  await plugIn(drive);
  await symlink(victim, path.join(drive, 'left.uf2'));
  const flashing = new Flashing([await part('left')], { drive });
  await written(drive, 'left.uf2', 51_200);
  t.true((await lstat(path.join(drive, 'left.uf2'))).isFile());
  await unplug(drive);
  await flashing.done;
  t.is(await readFile(victim, 'utf8'), 'untouched');
});

test('a file that is not firmware is refused before any button has to be pressed', async t => {
  const { drive, part } = await bench(t);
  const flashing = new Flashing([await part('left'), await part('right', Buffer.from('text'))], { drive });
  await t.throwsAsync(flashing.done, { code: 'GLOVEBOX_FLASH', message: /right\.uf2 is not a UF2 file/ });
  t.deepEqual(flashing.types, []);
});
