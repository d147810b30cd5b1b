import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { makeDirectory, removeDirectory } from '../support/temporary.ts';
import { gloveboxHere } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const KEYMAP = `#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
/ {
  keymap {
    compatible = "zmk,keymap";
    default_layer {
      display-name = "Base";
      bindings = <&kp Q &kp W
                  &mt LSHIFT A &trans>;
    };
    symbols {
      bindings = <&kp N1 &none
                  &kp LC(Z) &mo 0>;
    };
  };
};
`;

// Each test file has its own process.
test.before(async () => {
  process.env.GLOVEBOX_CACHE_DIR = await makeDirectory();
});
test.after.always(() => removeDirectory(process.env.GLOVEBOX_CACHE_DIR!));

const layout = (cwd: string, ...args: string[]) => gloveboxHere(['layout', ...args], cwd);

test('the layers of a keymap are drawn', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tiny.keymap'), KEYMAP);
  const { status, stdout, stderr } = await layout(directory, 'tiny.keymap');
  t.is(status, 0, stderr);
  t.is(stderr, '');
  t.regex(stdout, /Base/);
  t.regex(stdout, /symbols/);
  t.regex(stdout, /Q.*W/);
});

test('--json gives the layers as data', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tiny.keymap'), KEYMAP);
  const { status, stdout } = await layout(directory, 'tiny.keymap', '--json');
  t.is(status, 0);
  const { layers } = JSON.parse(stdout);
  t.deepEqual(layers[0].bindings[2], { behavior: 'mt', parameters: ['LSHIFT', 'A'] });
  t.deepEqual(layers[1].rows, [2, 2]);
});

test('errors in a keymap are reported with their places, after the layers that could be drawn', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(
    join(directory, 'broken.keymap'),
    KEYMAP.replace('&mt LSHIFT A &trans>;', '&mt LSHIFT A &trans'),
  );
  const { status, stderr } = await layout(directory, 'broken.keymap');
  t.is(status, 1);
  t.regex(stderr, /^broken\.keymap:\d+:\d+: error: /);
});

test('an unknown key code, and a key with too few parameters, are errors', async t => {
  const directory = await temporaryDirectory(t);
  const source = KEYMAP.replace('&kp W', '&kp KC_SPC').replace('&mt LSHIFT A', '&mt A');
  await writeFile(join(directory, 'slips.keymap'), source);
  const { status, stdout, stderr } = await layout(directory, 'slips.keymap');
  t.is(status, 1);
  t.regex(stdout, /Q.*KC_SPC/);
  t.deepEqual(stderr.trimEnd().split('\n'), [
    "slips.keymap:8:29: error: 'KC_SPC' is not a key code of ZMK. Did you mean 'SPACE'?",
    "slips.keymap:9:19: error: '&mt' takes 2 parameters, but has 1 here: '&mt A'",
  ]);
});

test('a layer from a missing file is not drawn, and a workspace has the file', async t => {
  const directory = await temporaryDirectory(t);
  const source = KEYMAP.replace('/ {', '#include <keys/mine.h>\n/ {').replace('&kp N1 &none', 'NUMBERS');
  await writeFile(join(directory, 'mine.keymap'), source);
  const alone = await layout(directory, 'mine.keymap');
  t.is(alone.status, 1);
  t.regex(alone.stdout, /Q.*W/);
  t.regex(
    alone.stdout,
    /^symbols\nnot drawn: NUMBERS is defined in a file that was not found: keys\/mine\.h$/m,
  );
  t.regex(alone.stderr, /^mine\.keymap:3:1: error: keys\/mine\.h was not found/);

  await mkdir(join(directory, 'workspace/module/zephyr'), { recursive: true });
  await mkdir(join(directory, 'workspace/.west'));
  await writeFile(join(directory, 'workspace/.west/config'), '[manifest]\npath = .\n');
  await writeFile(join(directory, 'workspace/west.yml'), 'manifest: { projects: [{ name: module }] }');
  await mkdir(join(directory, 'workspace/module/include/keys'), { recursive: true });
  await writeFile(
    join(directory, 'workspace/module/zephyr/module.yml'),
    'build: { settings: { dts_root: . } }',
  );
  await writeFile(join(directory, 'workspace/module/include/keys/mine.h'), '#define NUMBERS &kp N1 &none\n');
  const { status, stdout, stderr } = await layout(directory, 'mine.keymap', '--workspace', 'workspace');
  t.is(status, 0, stderr);
  t.regex(stdout, /1 symbols\n.*\n.*1.*✕/);
});

test('a missing keymap is one clear message', async t => {
  const directory = await temporaryDirectory(t);
  const { status, stdout, stderr } = await layout(directory, 'none.keymap');
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /^error: .*none\.keymap/);
  t.notRegex(stderr, /\n\s+at |bug/);
});

const OVERLAY = `/ {
  chosen { zmk,physical-layout = &bowed; };
  bowed: bowed {
    compatible = "zmk,physical-layout";
    keys = <&key_physical_attrs 100 100 0 0 0 0 0>, <&key_physical_attrs 100 100 100 20 0 0 0>,
           <&key_physical_attrs 100 100 0 100 0 0 0>, <&key_physical_attrs 150 100 100 120 1500 100 220>;
  };
};`;

const EXTRAS = `/ {
  combos { compatible = "zmk,combos"; esc { key-positions = <0 1>; bindings = <&kp ESC>; layers = <0>; }; };
  macros { hi: hi { compatible = "zmk,behavior-macro"; #binding-cells = <0>; bindings = <&kp H &kp I>; }; };
  conditional_layers { compatible = "zmk,conditional-layers"; tri { if-layers = <0>; then-layer = <1>; }; };
};`;

test("--svg draws one picture of all layers, with the keys of the config's own shield where they are", async t => {
  const directory = await temporaryDirectory(t);
  const shield = join(directory, 'boards/shields/tiny');
  await mkdir(shield, { recursive: true });
  await writeFile(join(directory, 'build.yaml'), '');
  await writeFile(join(shield, 'tiny.overlay'), OVERLAY);
  await mkdir(join(directory, 'config'));
  await writeFile(join(directory, 'config/tiny.keymap'), KEYMAP + EXTRAS);
  const { status, stdout, stderr } = await layout(directory, 'config/tiny.keymap', '--svg', 'out/tiny.svg');
  t.deepEqual([status, stdout, stderr], [0, '', '']);
  const svg = await readFile(join(directory, 'out/tiny.svg'), 'utf8');
  t.regex(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="640" /);
  t.is(svg.match(/<g class="key /g)?.length, 8);
  t.is(svg.match(/transform="rotate\(15 58 127\.6\)"/g)?.length, 2, 'the fourth key of each layer');
  t.regex(svg, />0 Base \(default_layer\)</);
  t.regex(svg, />esc: Q \+ W → Esc \(on Base\)</);
  t.regex(svg, />&amp;hi: H I</);
  t.regex(svg, />tri: Base → symbols</);
  t.regex(svg, /@media \(prefers-color-scheme: dark\)/);
  t.notRegex(svg, /(?:href|src|url)\s*[=(]|@import|<script|\son\w+=/);

  const printed = await layout(directory, 'config/tiny.keymap', '--svg', '-');
  t.is(printed.stdout, svg);
  t.is((await layout(directory, 'config/tiny.keymap', '--svg', '-', '--json')).status, 2);
});

test('without a physical layout, a picture has the grid of the keymap', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'tiny.keymap'), KEYMAP);
  const { status, stdout } = await layout(directory, 'tiny.keymap', '--svg', '-');
  t.is(status, 0);
  t.is(stdout.match(/<g class="key /g)?.length, 8);
  t.notRegex(stdout, /rotate|Combos|Macros/);
});
