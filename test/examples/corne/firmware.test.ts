// Output of the example's driver, checked by readers that share no code with it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { buildHalf, copyConfig, copyExample, type Run, remove, temporaryDirectory } from './driver.ts';
import { readDependencies, readElf, readUf2 } from './readers.ts';

const FLASH_START = 0x26000;
const HALVES = ['left', 'right'] as const;

let root: string;
let original: string;
const runs = new Map<string, Run>();

const built = (half: string, extension: string) =>
  readFile(join(root, 'build', half, `firmware.${extension}`));
const inputs = async (half: string) =>
  readDependencies(await readFile(join(root, 'build', half, 'inputs.d'), 'utf8'));

test.before(async () => {
  root = await temporaryDirectory();
  original = await copyExample(join(root, 'corne'));
  await Promise.all(
    HALVES.map(async half => runs.set(half, await buildHalf(original, half, join(root, 'build', half)))),
  );
});

test.after.always(() => remove(root));

for (const half of HALVES) {
  test(`the ${half} half compiles without a warning, and reports each step in one line`, t => {
    const { status, stdout, stderr } = runs.get(half)!;
    t.is(stderr, '');
    t.is(status, 0);
    const lines = stdout.trimEnd().split('\n');
    const last = lines.pop()!;
    t.regex(last, /^firmware: \d+ bytes of flash$/);
    const steps = lines.filter(line => line.startsWith('['));
    for (const [index, line] of steps.entries()) {
      t.regex(line, new RegExp(`^\\[ ?${index + 1}/${steps.length}\\] \\w+`));
    }
    const table = lines.filter(line => !line.startsWith('['));
    t.regex(table.join('\n'), /^Memory region .*\n *FLASH: .*%\n *RAM: .*%$/);
    t.true(stdout.includes(`Compiling ${half}.c`));
  });

  test(`the ${half} half is an ELF for Cortex-M that begins at its reset handler`, async t => {
    const elf = readElf(await built(half, 'elf'));
    t.is(elf.class, 1, '32 bits');
    t.is(elf.byteOrder, 1, 'little-endian');
    t.is(elf.type, 2, 'executable');
    t.is(elf.machine, 40, 'EM_ARM');
    const text = elf.segments.find(segment => segment.type === 1 && segment.flags & 1)!;
    t.is(text.physical, FLASH_START);
    t.is(text.virtual, FLASH_START);
    const [stack, reset] = [text.contents.readUInt32LE(0), text.contents.readUInt32LE(4)];
    t.is(elf.entry & 1, 1, 'Thumb code');
    t.is(elf.entry, reset, 'the vector table and the ELF header agree');
    t.true(elf.entry > FLASH_START && elf.entry < FLASH_START + text.contents.length);
    t.true(stack > 0x20000000 && stack <= 0x20040000 && stack % 8 === 0, 'the stack begins in RAM');
    const writable = elf.segments.filter(segment => segment.type === 1 && segment.flags & 2);
    t.true(writable.length > 0);
    for (const segment of writable) {
      t.true(segment.virtual >= 0x20000000 && segment.virtual + segment.memorySize <= 0x20040000);
    }
  });

  test(`every exception that the ${half} half handles has a handler in its code`, async t => {
    const elf = readElf(await built(half, 'elf'));
    const text = elf.segments.find(segment => segment.type === 1 && segment.flags & 1)!;
    for (const exception of [1, 2, 3, 4, 5, 6, 11, 12, 14, 15]) {
      const handler = text.contents.readUInt32LE(exception * 4);
      t.is(handler & 1, 1, `exception ${exception}`);
      t.true(handler > FLASH_START && handler < FLASH_START + text.contents.length, `exception ${exception}`);
    }
  });

  test(`the ${half} half's UF2 gives each block its address, for the nRF52840, without a gap`, async t => {
    const blocks = readUf2(await built(half, 'uf2'));
    t.true(blocks.length > 16);
    for (const [index, block] of blocks.entries()) {
      t.is(block.number, index);
      t.is(block.count, blocks.length);
      t.is(block.address, FLASH_START + 256 * index);
      t.is(block.payload.length, 256);
      t.is(block.flags, 0x2000, 'only "family given"');
      t.is(block.family, 0xada52840);
    }
  });

  test(`the ${half} half's UF2 holds exactly what its ELF loads`, async t => {
    const elf = readElf(await built(half, 'elf'));
    const flash = Buffer.concat(readUf2(await built(half, 'uf2')).map(block => block.payload));
    let end = 0;
    for (const segment of elf.segments.filter(segment => segment.type === 1)) {
      const at = segment.physical - FLASH_START;
      t.deepEqual(flash.subarray(at, at + segment.contents.length), segment.contents);
      end = Math.max(end, at + segment.contents.length);
    }
    t.is(Math.ceil(end / 256) * 256, flash.length);
    t.true(flash.subarray(end).every(byte => byte === 0));
  });
}

test('the halves differ', async t => {
  t.notDeepEqual(await built('left', 'uf2'), await built('right', 'uf2'));
  t.notDeepEqual(await built('left', 'elf'), await built('right', 'elf'));
});

test('each half reports the files that it read: the shared ones, its own, and none of the other half', async t => {
  const left = await inputs('left');
  const right = await inputs('right');
  for (const read of [left, right]) {
    for (const path of [
      'config/corne.keymap',
      'config/corne.conf',
      'toolchain/build.ts',
      'toolchain/keycodes.ts',
      'toolchain/source/main.c',
      'toolchain/source/half.h',
      'toolchain/source/link.ld',
    ]) {
      t.true(read.includes(join(original, path)), path);
    }
    t.false(
      read.some(path => path.startsWith(join(root, 'build'))),
      'nothing that the build made itself',
    );
  }
  const only = (one: string[], other: string[]) => one.filter(path => !other.includes(path));
  t.deepEqual(only(left, right), [join(original, 'toolchain/source/left.c')]);
  t.deepEqual(only(right, left), [
    join(original, 'toolchain/source/right.c'),
    join(original, 'toolchain/source/right.h'),
  ]);
});

test('the same sources give the same bytes anywhere', async t => {
  const elsewhere = await copyExample(join(root, 'a longer path', 'of $ome other #config'));
  for (const half of HALVES) {
    const build = join(root, 'another build directory', half);
    const run = await buildHalf(elsewhere, half, build);
    t.is(run.status, 0, run.stderr);
    for (const extension of ['uf2', 'elf']) {
      t.deepEqual(await readFile(join(build, `firmware.${extension}`)), await built(half, extension));
    }
    const read = readDependencies(await readFile(join(build, 'inputs.d'), 'utf8'));
    const moved = (await inputs(half)).map(path => path.replace(original, elsewhere));
    t.deepEqual(read.toSorted(), moved.toSorted(), 'the list survives spaces, $ and #');
  }
});

test('one changed key changes both halves', async t => {
  const changed = await copyConfig(join(root, 'changed'));
  const keymap = join(changed, 'config', 'corne.keymap');
  const source = await readFile(keymap, 'utf8');
  await writeFile(keymap, source.replace('&kp Q ', '&kp Z '));
  for (const half of HALVES) {
    const build = join(root, 'changed build', half);
    t.is((await buildHalf(changed, half, build)).status, 0);
    t.notDeepEqual(await readFile(join(build, 'firmware.uf2')), await built(half, 'uf2'));
    t.notDeepEqual(await readFile(join(build, 'firmware.elf')), await built(half, 'elf'));
  }
});
