import { readFile } from 'node:fs/promises';
import test from 'ava';
import { drawLayout } from '../../src/keymap/drawing/draw.ts';
import { legendOf } from '../../src/keymap/drawing/legend.ts';
import type { Binding, Layer } from '../../src/keymap/layout.ts';
import { parseKeymap } from '../../src/keymap/read-keymap.ts';

async function drawing(name: string, width?: number): Promise<string> {
  const source = await readFile(new URL(`./fixtures/${name}.keymap`, import.meta.url), 'utf8');
  return drawLayout(await parseKeymap(source), { ...(width !== undefined && { width }) });
}

function layerOf(keys: readonly string[], rows: number[]): Layer {
  return { name: 'base', bindings: keys.map(binding), sensorBindings: [], rows };
}

function binding(text: string): Binding {
  const [behavior = '', ...parameters] = text.slice(1).split(' ');
  return { behavior, parameters };
}

function draw(keys: readonly string[], rows: number[], width = 100): string {
  return drawLayout({ layers: [layerOf(keys, rows)], errors: [] }, { width });
}

const letters = (count: number) =>
  Array.from({ length: count }, (_, index) => `&kp ${'ABCDEFGH'[index % 8]}`);

test('a Corne is drawn in two halves with its thumb keys at the inner ends', async t => {
  const [, lower] = (await drawing('corne')).split('\n\n');
  t.is(
    lower,
    `1 Lower (lower_layer)
┌──────┬──────┬──────┬──────┬──────┬──────┐   ┌──────┬──────┬──────┬──────┬──────┬──────┐
│ td0  │  2   │  3   │  4   │  5   │  6   │   │  7   │  8   │  9   │  0   │ zed  │ Bksp │
├──────┼──────┼──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┼──────┼──────┤
│  BT  │  BT  │  BT  │  ✕   │  ✕   │  ✕   │   │  ←   │  ↓   │  ↑   │  →   │  ▽   │  ▽   │
│clear │  0   │  1   │      │      │      │   │      │      │      │      │      │      │
├──────┼──────┼──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┼──────┼──────┤
│C-S-A │ UNDO │C-S-A…│  ▽   │  ▽   │  ▽   │   │  ▽   │  ▽   │  ▽   │  ▽   │  ▽   │  ▽   │
└──────┴──────┴──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┴──────┴──────┘
                     │  ▽   │  ▽   │  ▽   │   │  ▽   │  3   │Space │
                     │      │      │      │   │      │  mo  │Mouse │
                     └──────┴──────┴──────┘   └──────┴──────┴──────┘`,
  );
});

test('finger rows are at the outer ends, and sensors are below', async t => {
  const lines = (await drawing('sofle')).split('\n');
  t.is(lines[2], '│  `  │  1  │  2  │  3  │  4  │  5  │               │  6  │  7  │  8  │  9  │  0  │  ✕  │');
  t.true(lines.at(-3)?.startsWith('            │ '));
  t.is(lines.at(-1), 'sensors: inc_dec_kp C_VOL_UP C_VOL_DN, inc_dec_kp PG_UP PG_DN');
});

test('a keyboard with an odd row is drawn in one piece, short rows in the middle', async t => {
  const lines = (await drawing('planck')).split('\n');
  t.is(lines[1], `┌${'─────┬'.repeat(11)}─────┐`);
  t.is(lines[7], `└──┬${'──┴──┬'.repeat(11)}──┘`);
});

test('a 42-key Corne fits 100 columns, and 80 with narrower caps', async t => {
  const width = (text: string) => Math.max(...text.split('\n').map(line => [...line].length));
  t.true(width(await drawing('corne', 100)) <= 100);
  t.true(width(await drawing('corne', 80)) <= 80);
  t.true(width(await drawing('corne', 80)) > 60);
});

test('a whole layer in one line is broken to fit', t => {
  const lines = draw(letters(42), [42], 80).split('\n');
  t.true(lines.every(line => [...line].length <= 80));
  t.is(lines.join('').match(/[A-H]/g)?.length, 42);
});

test('every row of a keyboard is there, in the order of its keys', t => {
  const lines = draw(['&kp A', '&kp B', '&kp C', '&kp D'], [2, 2]).split('\n');
  t.deepEqual(lines, [
    '0 base',
    '┌───┐   ┌───┐',
    '│ A │   │ B │',
    '├───┤   ├───┤',
    '│ C │   │ D │',
    '└───┘   └───┘',
  ]);
});

test('a layer without keys is only its name', t => {
  t.is(draw([], []).trim(), '0 base');
});

test('nothing in a keymap can tell the terminal what to do', t => {
  const evil: Layer = { ...layerOf(['&kp A'], [1]), name: 'a\u001b[2Jb', displayName: 'c\u0007\u202ed\ne' };
  t.regex(drawLayout({ layers: [evil], errors: [] }), /^[^\p{C}]*(\n[^\p{C}]*)*$/u);
});

const layers = [
  layerOf([], []),
  { ...layerOf([], []), displayName: 'Nav' },
  { ...layerOf([], []), name: 'sym_layer' },
];
const legends: [key: string, tap: string, hold?: string][] = [
  ['&kp A', 'A'],
  ['&kp N1', '1'],
  ['&kp NUMBER_2', '2'],
  ['&kp KP_N3', 'KP 3'],
  ['&kp F12', 'F12'],
  ['&kp SEMI', ';'],
  ['&kp PIPE', '|'],
  ['&kp COLON', ':'],
  ['&kp LEFT', '←'],
  ['&kp BSPC', 'Bksp'],
  ['&kp LC(LS(A))', 'C-S-A'],
  ['&kp RA(N0)', 'A-0'],
  ['&kp MY_OWN', 'MY_OWN'],
  ['&kp (LSHFT)', 'Shift'],
  ['&kp constructor', 'constructor'],
  ['&trans', '▽'],
  ['&none', '✕'],
  ['&mt LSHIFT A', 'A', 'Shift'],
  ['&hml LGUI S', 'S', 'GUI'],
  ['&thumb NAV 0', 'thumb', 'NAV'],
  ['&left 0 LEFT', '←', 'left'],
  ['&magic 0 0', 'magic'],
  ['&lt 1 SPACE', 'Space', 'Nav'],
  ['&lt NAV SPACE', 'Space', 'NAV'],
  ['&mo 1', 'Nav', 'mo'],
  ['&to 2', 'sym', 'to'],
  ['&tog 7', '7', 'tog'],
  ['&sl RAISE', 'RAISE', 'sl'],
  ['&sk LSHFT', 'Shift', 'once'],
  ['&bt BT_SEL 3', 'BT', '3'],
  ['&bt BT_CLR', 'BT', 'clear'],
  ['&out OUT_TOG', 'toggle', 'out'],
  ['&caps_word', 'Caps word'],
  ['&my_macro', 'my_macro'],
];
for (const [key, tap, hold] of legends) {
  test(`the legend of ${key}`, t => {
    t.deepEqual(legendOf(binding(key), layers), { tap, ...(hold !== undefined && { hold }) });
  });
}

test('a long name is on two lines, and one that is too long is cut', t => {
  const text = draw(['&paste_line_again', '&unbreakable'], [2]);
  t.regex(text, / paste /);
  t.regex(text, /line_a…/);
  t.regex(text, /unbrea…/);
});
