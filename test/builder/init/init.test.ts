import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { configFiles, writeConfig } from '../../../src/builder/init/config.ts';
import { bundledHardware, findHardware } from '../../../src/builder/init/find-hardware.ts';
import {
  controllersFor,
  findController,
  findKeyboard,
  type Hardware,
} from '../../../src/builder/init/hardware.ts';
import { readMatrix } from '../../../src/builder/matrix/matrix.ts';
import { parseKeymap } from '../../../src/keymap/index.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';

async function temporary(t: ExecutionContext): Promise<string> {
  const directory = await makeDirectory();
  t.teardown(() => removeDirectory(directory));
  return directory;
}

test('every bundled keyboard makes a config with its parts, and a keymap in order with all of its keys', async t => {
  const { hardware, manifest, revision } = bundledHardware();
  t.true(hardware.keyboards.length > 70);
  const root = await temporary(t);
  for (const keyboard of hardware.keyboards) {
    const controller = findController(hardware, keyboard, undefined);
    const files = await configFiles({ keyboard, controller, manifest, revision });
    const directory = path.join(root, keyboard.id);
    await writeConfig(directory, files);
    const targets = await readMatrix(directory, { onWarning: message => t.fail(message) });
    t.deepEqual(
      targets.map(({ shield, board }) => (keyboard.kind === 'board' ? board : shield)),
      keyboard.parts,
    );
    const keymap = files.get(`config/${keyboard.id}.keymap`);
    t.is(keymap === undefined, keyboard.rows.length === 0, keyboard.id);
    if (keymap === undefined) continue;
    const { layers, errors } = await parseKeymap(keymap);
    t.deepEqual(errors, [], keyboard.id);
    for (const { rows } of layers) t.deepEqual(rows, keyboard.rows, keyboard.id);
    t.is(layers.length, 2);
  }
});

test('a starter keymap of a keyboard for ten fingers has every letter and a space', async t => {
  const { hardware, manifest, revision } = bundledHardware();
  for (const id of ['cradio', 'corne', 'lily58', 'contra', 'boardsource5x12', 'bt60_v1', 'kyria']) {
    const keyboard = findKeyboard(hardware, id);
    const controller = findController(hardware, keyboard, undefined);
    const files = await configFiles({ keyboard, controller, manifest, revision });
    const keymap = files.get(`config/${id}.keymap`)!;
    for (const key of ['A', 'M', 'Q', 'Z', 'SPACE', 'RET']) {
      t.true(keymap.includes(`&kp ${key} `) || keymap.includes(`&kp ${key}\n`), `${id} has ${key}`);
    }
    t.regex(keymap, /&mo LOWER/);
  }
});

test('nothing is overwritten, and then nothing is written', async t => {
  const directory = await temporary(t);
  const files = new Map([
    ['build.yaml', 'new'],
    ['config/corne.keymap', 'new'],
  ]);
  await mkdir(path.join(directory, 'config'));
  await symlink('/nowhere', path.join(directory, 'config/corne.keymap'));
  await t.throwsAsync(writeConfig(directory, files), {
    code: 'GLOVEBOX_INIT',
    message: /has config\/corne\.keymap already, and nothing is overwritten/,
  });
  await t.throwsAsync(readFile(path.join(directory, 'build.yaml')), { code: 'ENOENT' });
  await writeFile(path.join(directory, 'file'), '');
  await t.throwsAsync(writeConfig(path.join(directory, 'file'), files), {
    code: 'GLOVEBOX_INIT',
    message: /^Cannot write to /,
  });
});

const HARDWARE: Hardware = bundledHardware().hardware;

test('keyboards and controllers are found by name, and misspelt or unfit ones are refused with a remedy', t => {
  t.is(findKeyboard(HARDWARE, 'Corne').id, 'corne');
  t.is(findKeyboard(HARDWARE, 'corne_left').id, 'corne');
  t.is(findKeyboard(HARDWARE, 'Advantage 360 Pro').id, 'adv360pro');
  const refused = (name: string) => t.throws(() => findKeyboard(HARDWARE, name))!.message;
  t.regex(refused('crone'), /^ZMK has no keyboard 'crone'\. Did you mean corne\?/);
  t.regex(refused('aurora'), /Did you mean splitkb_aurora_corne, splitkb_aurora_helix/);
  const corne = findKeyboard(HARDWARE, 'corne');
  t.is(findController(HARDWARE, corne, undefined)?.id, 'nice_nano_v2');
  t.is(findController(HARDWARE, findKeyboard(HARDWARE, 'hummingbird'), undefined)?.id, 'seeeduino_xiao_ble');
  t.true(controllersFor(HARDWARE, corne).every(({ exposes }) => exposes.includes('pro_micro')));
  t.throws(() => findController(HARDWARE, corne, 'seeeduino_xiao_ble'), {
    message: /does not fit the Corne/,
  });
  const glove80 = findKeyboard(HARDWARE, 'glove80');
  t.is(findController(HARDWARE, glove80, undefined), undefined);
  t.throws(() => findController(HARDWARE, glove80, 'nice_nano_v2'), { message: /controller of its own/ });
});

test("a workspace's keyboards, keymaps and version take the place of the bundled ones", async t => {
  const root = await temporary(t);
  const write = async (file: string, text: string) => {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  };
  const manifest =
    'manifest:\n  projects: [{ name: zmk, url: https://github.com/zmkfirmware/zmk, revision: v9, import: app/west.yml }]\n  self: { path: config }\n';
  await write('.west/config', '[manifest]\npath = config\nfile = west.yml\n');
  await write('config/west.yml', manifest);
  await write(
    'zmk/app/west.yml',
    'manifest:\n  projects: [{ name: zephyr, url: https://example.org/zephyr }]\n',
  );
  await write('zmk/app/CMakeLists.txt', '');
  await write('zephyr/VERSION', '');
  await write(
    'zmk/app/boards/shields/tiny/tiny.zmk.yml',
    'id: tiny\nname: Tiny\ntype: shield\nrequires: [pro_micro]\nfeatures: [keys]\nsiblings: [tiny_left, tiny_right]\n',
  );
  await write('zmk/app/boards/shields/tiny/tiny.keymap', 'the keymap of the shield');
  await write(
    'zmk/app/boards/shields/bad/bad.zmk.yml',
    'id: ../bad\nname: Bad\ntype: shield\nfeatures: [keys]\n',
  );
  await write('zmk/app/boards/shields/broken/broken.zmk.yml', '{');
  await write(
    'zmk/app/boards/arm/nano/nano.zmk.yml',
    'id: nano\nname: Nano\ntype: board\nexposes: [pro_micro]\n',
  );
  const source = await findHardware({ workspace: root });
  t.deepEqual(
    source.hardware.keyboards.map(({ id, parts }) => [id, ...parts]),
    [['tiny', 'tiny_left', 'tiny_right']],
  );
  t.like(source, { manifest, revision: 'v9', workspace: root });
  const keyboard = findKeyboard(source.hardware, 'tiny');
  const controller = findController(source.hardware, keyboard, undefined);
  t.is(controller?.id, 'nano');
  const files = await configFiles({ ...source, keyboard, controller });
  t.is(files.get('config/tiny.keymap'), 'the keymap of the shield');
  await t.throwsAsync(findHardware({ workspace: path.join(root, 'zmk') }), { code: 'GLOVEBOX_WORKSPACE' });
});
