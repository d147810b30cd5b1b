import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import type { Binding, Layer, Layout } from '../../src/keymap/layout.ts';
import { MAX_KEYMAP_LENGTH, parseKeymap } from '../../src/keymap/read-keymap.ts';
import { runs } from '../support/extent.ts';

const HEADERS = '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n';

async function fixture(name: string): Promise<Layout> {
  const file = fileURLToPath(new URL(`./fixtures/${name}.keymap`, import.meta.url));
  return parseKeymap(await readFile(file, 'utf8'), { file });
}

/** `&mt LGUI A` as it is written. */
function written({ behavior, parameters }: Binding): string {
  return [`&${behavior}`, ...parameters].join(' ');
}

/** A keymap of one layer. */
function keymap(bindings: string, before = ''): string {
  return `${HEADERS}${before}\n/ { keymap { compatible = "zmk,keymap"; base { bindings = <${bindings}>; }; }; };\n`;
}

async function keysOf(source: string): Promise<string[]> {
  const { layers, errors } = await parseKeymap(source);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return layers[0]!.bindings.map(written);
}

function layer(layers: readonly Layer[], name: string): Layer {
  return layers.find(candidate => candidate.name === name)!;
}

test('the children of the keymap node that have bindings are the layers, in order, with their names', async t => {
  const { layers, errors } = await fixture('corne');
  t.deepEqual(errors, []);
  t.deepEqual(
    layers.map(({ name, displayName }) => [name, displayName]),
    [
      ['default_layer', 'Default "main"'],
      ['lower_layer', 'Lower'],
      ['mouse_layer', 'Mouse'],
    ],
  );
});

test('a layer has the keys and rows that its author wrote, and nothing from combos, macros and comments', async t => {
  const { layers } = await fixture('corne');
  for (const { bindings, rows } of layers) {
    t.is(bindings.length, 42);
    t.deepEqual(rows, [12, 12, 12, 6]);
  }
  t.false(
    layers.some(({ bindings }) => bindings.some(({ parameters }) => parameters.includes('COMMENTED_OUT'))),
  );
  t.is(layer(layers, 'default_layer').bindings.map(written)[11], '&kp BSPC');
});

test('keys have their parameters, nested functions and numbers included', async t => {
  const { layers } = await fixture('corne');
  const { bindings } = layer(layers, 'lower_layer');
  t.deepEqual(bindings[0], { behavior: 'td0', parameters: [] });
  t.deepEqual(bindings[12], { behavior: 'bt', parameters: ['BT_CLR'] });
  t.deepEqual(bindings[13], { behavior: 'bt', parameters: ['BT_SEL', '0'] });
  t.deepEqual(bindings[15], { behavior: 'none', parameters: [] });
  t.deepEqual(bindings[22], { behavior: 'trans', parameters: [] });
  t.deepEqual(bindings[24], { behavior: 'kp', parameters: ['LC(LS(A))'] });
  t.deepEqual(bindings[26], { behavior: 'kp', parameters: ['LC(LS(LA(DEL)))'] });
  t.deepEqual(bindings[41], { behavior: 'lt', parameters: ['2', 'SPACE'] });
});

test('macros for keys are expanded, and macros with one parameter stay readable', async t => {
  const { layers } = await fixture('corne');
  const keys = layer(layers, 'default_layer').bindings.map(written);
  t.is(keys[13], '&mt LGUI A');
  t.deepEqual(keys.slice(19, 22), ['&mt RSHFT J', '&mt RCTRL K', '&mt RALT L']);
  t.is(keys[37], '&mo LOWER');
  t.is(written(layer(layers, 'lower_layer').bindings[25]!), '&kp UNDO');
});

const conditionals: [text: string, kept: string[]][] = [
  ['#ifdef QX\n&kp A\n#endif\n&kp C', ['&kp C']],
  ['#ifdef QX\n&kp A\n#else\n&kp B\n#endif', ['&kp B']],
  ['#ifndef QX\n&kp A\n#else\n&kp B\n#endif', ['&kp A']],
  ['#define QX\n#ifdef QX\n&kp A\n#else\n&kp B\n#endif', ['&kp A']],
  ['#define QX\n#ifndef QX\n&kp A\n#endif\n&kp C', ['&kp C']],
  ['#define QX\n#undef QX\n#ifdef QX\n&kp A\n#else\n&kp B\n#endif', ['&kp B']],
  ['#if 0\n&kp A\n#endif\n&kp C', ['&kp C']],
  ['#if 1\n&kp A\n#else\n&kp B\n#endif', ['&kp A']],
  ['#define QN 0\n#if QN\n&kp A\n#elif defined(QM)\n&kp B\n#else\n&kp C\n#endif', ['&kp C']],
  ['#define QM\n#if !defined(QM)\n&kp A\n#elif defined QM\n&kp B\n#else\n&kp C\n#endif', ['&kp B']],
  ['#if CONFIG_A > 2\n&kp A\n#elif !CONFIG_B\n&kp B\n#endif', ['&kp B']],
  ["#define OS 'M'\n#if OS == 'L'\n&kp A\n#elif OS == 'M'\n&kp B\n#endif", ['&kp B']],
  ['#define MOD LALT\n#if MOD == LSHFT\n&kp A\n#elif MOD == LEFT_ALT\n&kp B\n#endif', ['&kp B']],
  ['# ifdef QX\n#  ifdef QY\n&kp A\n# endif\n&kp B\n#else\n&kp C\n#endif', ['&kp C']],
  ['#ifdef QX\n&kp A\n#elifndef QX\n&kp B\n#endif', ['&kp B']],
  ['/*\n#if 0\n*/\n&kp A\n// #endif\n', ['&kp A']],
];
for (const [text, kept] of conditionals) {
  test(`conditional lines are chosen: ${text.replaceAll('\n', ' | ')}`, async t => {
    t.deepEqual(await keysOf(keymap(`\n${text}\n`)), kept);
  });
}

const macros: [definitions: string, use: string, keys: string[]][] = [
  ['#define A1 &kp A', 'A1 &kp B A1', ['&kp A', '&kp B', '&kp A']],
  ['#define PRESS &kp', 'PRESS A PRESS B', ['&kp A', '&kp B']],
  ['#define TWO &kp A \\\n  &kp B', 'TWO', ['&kp A', '&kp B']],
  ['#define F(x, y) &mt x y', 'F(LGUI, LC(A))', ['&mt LGUI LC(A)']],
  ['#define F(x) &kp L##x', 'F(GUI)', ['&kp LGUI']],
  ['#define ALL(...) &kp A &kp B', 'ALL(1, 2)', ['&kp A', '&kp B']],
  ['#define ALL(...) __VA_ARGS__', 'ALL(&kp A, &kp B)', ['&kp A', '&kp B']],
  ['#define HYPER LC(LA(LS(LGUI)))', '&kp HYPER', ['&kp HYPER']],
  ['#define HYPER(k) LC(LA(LS(k)))', '&kp HYPER(A)', ['&kp HYPER(A)']],
  ['#define CTRL LC', '&kp CTRL(A) &kp LS(CTRL(B))', ['&kp CTRL(A)', '&kp LS(CTRL(B))']],
  ['#define OPEN LC(LS(', '&kp OPEN A))', ['&kp LC(LS(A))']],
  ['#define M1 M2\n#define M2 LC', '&kp M1(A)', ['&kp M1(A)']],
  ['#define KEY(k) &kp LC(k)', 'KEY(LS(A))', ['&kp LC(LS(A))']],
  ['#define LEFT_SIDE LGUI A', '&mt LEFT_SIDE', ['&mt LGUI A']],
  ['#define T(k) &lt NAV k\n#define NAV 1', 'T(SPACE)', ['&lt NAV SPACE']],
  ['#define ROW(f) f(A) f(B)\n#define P(k) &kp k', 'ROW(P)', ['&kp A', '&kp B']],
  ['#define SUM (A | B)', '&kp (LSHFT) &kp SUM &kp (A | B)', ['&kp (LSHFT)', '&kp SUM', '&kp (A | B)']],
  ['#define EMPTY', 'EMPTY &kp EMPTY A EMPTY', ['&kp A']],
];
for (const [definitions, use, keys] of macros) {
  test(`the macro ${definitions.replaceAll('\n', ' | ')} gives ${use}`, async t => {
    const { layers } = await parseKeymap(keymap(use, definitions));
    t.deepEqual(layers[0]!.bindings.map(written), keys);
  });
}

test('sensors are read, an older label is a display name, and labels and addresses of nodes do not matter', async t => {
  const { layers, errors } = await fixture('sofle');
  t.deepEqual(errors, []);
  t.is(layers.length, 1);
  t.like(layers[0], { name: 'base@0', displayName: 'base', rows: [12, 12, 12, 14, 10] });
  t.deepEqual(layers[0]!.sensorBindings.map(written), [
    '&inc_dec_kp C_VOL_UP C_VOL_DN',
    '&inc_dec_kp PG_UP PG_DN',
  ]);
  t.is(written(layers[0]!.bindings[11]!), '&none');
});

test('bindings in several lists, and one of several compatible strings, work as well', async t => {
  const { layers, errors } = await fixture('planck');
  t.deepEqual(errors, []);
  t.deepEqual(layers[0]!.rows, [12, 12, 12, 11]);
});

test('of a duplicate property the last value counts, as for the devicetree compiler', async t => {
  const body = 'bindings = <&kp A>; display-name = "x"; bindings = <&kp B>;';
  const { layers } = await parseKeymap(`/ { keymap { compatible = "zmk,keymap"; base { ${body} }; }; };`);
  t.deepEqual(layers[0]!.bindings.map(written), ['&kp B']);
});

test('of several keymap nodes only the first is read, as by ZMK, and that is reported', async t => {
  const node = (name: string, compatible: string) =>
    `/ { ${name} { compatible = "${compatible}"; ${name}_layer { bindings = <&kp A>; }; }; };`;
  const { layers, errors } = await parseKeymap(
    `${HEADERS}${[node('a', 'zmk,combos'), node('b', 'zmk,keymap'), node('c', 'zmk,keymap')].join('\n')}`,
  );
  t.deepEqual(
    layers.map(({ name }) => name),
    ['b_layer'],
  );
  t.deepEqual(errors, [
    {
      line: 5,
      column: 5,
      message: `ZMK reads only the first node with compatible = "zmk,keymap": 'c' is not used`,
    },
  ]);
});

test('layers that are disabled or reserved are not drawn', async t => {
  const layers = ['', 'status = "disabled";', 'status = "okay";', 'status = "reserved";'].map(
    (status, index) => `l${index} { ${status} bindings = <&kp A>; };`,
  );
  const found = await parseKeymap(
    `${HEADERS}/ { keymap { compatible = "zmk,keymap"; ${layers.join(' ')} }; };`,
  );
  t.deepEqual(
    found.layers.map(({ name }) => name),
    ['l0', 'l2'],
  );
});

test('Windows line ends, a byte order mark and a missing last line end change nothing', async t => {
  const source = await readFile(new URL('./fixtures/sofle.keymap', import.meta.url), 'utf8');
  t.deepEqual(await parseKeymap(source.replaceAll('\n', '\r\n')), await parseKeymap(source));
  t.deepEqual(await parseKeymap(source.trimEnd()), await parseKeymap(source));
  t.deepEqual(await parseKeymap(`\uFEFF${source}`), await parseKeymap(source));
});

test('a missing semicolon is reported where it is missing', async t => {
  const { layers, errors } = await fixture('broken');
  t.like(errors[0], { line: 7, column: 37, message: "';' is missing here" });
  t.deepEqual(layers[0]?.bindings.map(written), ['&kp A', '&kp B']);
});

test('mistakes are found at their line and column, whatever precedes them', async t => {
  const before = `/* two\nlines */\n#define X \\\n  Y\n${HEADERS}`;
  const errorOf = async (text: string) => (await parseKeymap(before + text)).errors[0];
  const broken = '/ { keymap { compatible = "zmk,keymap";\n  base { bindings = <&kp A ) &kp B>; };\n}; };\n';
  t.like(await errorOf(broken), {
    line: 8,
    column: 28,
    message: 'cannot read from here: ) &kp B>; };',
  });
  t.like(await errorOf(broken.replace(')', '').replace('>', '')), {
    line: 8,
    column: 34,
    message: "'>' is missing here",
  });
  t.regex((await errorOf('/ {\n  a {\n};\n'))!.message, /the file ends here/);
  t.regex((await errorOf('/ {\n  a = \n'))!.message, /the file ends here/);
  t.like(await errorOf('/* never closed'), { line: 7, column: 1 });
  t.like(await errorOf('/ { };\n#endif\n'), {
    line: 8,
    column: 1,
    message: '#endif without an #if before it',
  });
  t.like(await errorOf('/ { };\n #if A\n'), {
    line: 8,
    column: 2,
    message: '#if without an #endif',
  });
  t.like(await errorOf('/ { };\n#error never\n'), { line: 8, column: 1, message: '#error: never' });
});

test('an unclosed bracket costs its key only', async t => {
  for (const key of ['&kp (1', '&kp LC(A', '&kp NONE(A']) {
    const { layers, errors } = await parseKeymap(
      keymap(`&kp B ${key}`).replace('base', 'top { bindings = <&kp T>; }; base'),
    );
    t.true(
      errors.some(({ message }) => /not closed: '\)' is missing$/.test(message)),
      key,
    );
    t.is(errors[0]!.line, 4);
    t.deepEqual(
      layers.map(({ name }) => name),
      ['top', 'base'],
      key,
    );
    t.is(layers[1]!.bindings[0]?.behavior ?? 'kp', 'kp');
  }
});

test('a file without layers says so', async t => {
  for (const source of ['', '/ { };', '/ { keymap { compatible = "zmk,keymap"; }; };']) {
    const { layers, errors } = await parseKeymap(source);
    t.deepEqual(layers, []);
    t.regex(errors[0]!.message, /no layers/);
  }
});

test('a file that is too large or nested too deep is refused', async t => {
  const messageOf = async (source: string) => (await parseKeymap(source)).errors[0]?.message;
  t.regex((await messageOf(' '.repeat(MAX_KEYMAP_LENGTH + 1)))!, /at most 262144/);
  t.regex((await messageOf(`/ {${'a {\n'.repeat(50_000)}`))!, /nodes are nested deeper/);
  t.regex((await messageOf(keymap(`&kp ${'('.repeat(50_000)}`)))!, /bracket .* is not closed/);
  t.regex((await messageOf('#if 1\n'.repeat(40_000)))!, /conditionals are nested deeper/);
  t.regex((await messageOf(`#if ${'('.repeat(40_000)}\n#endif`))!, /nested deeper/);
  t.regex((await messageOf(`#define F(x) x\n${'F('.repeat(10_000)}${')'.repeat(10_000)}`))!, /too deep/);
  const doubling = Array.from({ length: 40 }, (_, n) => `#define M${n + 1} M${n} M${n}`);
  const definitions = ['#define M0 &kp A', ...doubling].join('\n');
  t.regex((await messageOf(keymap('&kp B M40', definitions)))!, /more than a keymap/);
  t.regex((await messageOf(keymap('M8 '.repeat(100), definitions)))!, /more than 20000 keys/);
});

test('any file content gives a layout', async t => {
  const words =
    `/ { } ; < > &kp A ( ) " = , # ## #if #else #endif #include #define \\ 'x ... __VA_ARGS__ F(x) F
    compatible "zmk,keymap" bindings /delete-node/ /include/ label: -1 0x ß 🙂`.split(/\s+/);
  const parts = fc.constantFrom(...words, '#define A &kp B', '\n', '\\\n', ' ', '/*', '*/', '//', '\0');
  const source = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(parts, { maxLength: 60 }).map(list => list.join('')),
  );
  await fc.assert(
    fc.asyncProperty(source, async text => {
      const { layers, errors } = await parseKeymap(text);
      const lines = text.split('\n').length;
      t.true(
        layers.every(({ bindings, rows }) => rows.reduce((sum, row) => sum + row, 0) === bindings.length),
      );
      t.true(layers.length > 0 || errors.length > 0);
      t.true(errors.every(({ line, column }) => line >= 1 && line <= lines && column >= 1));
    }),
    { numRuns: runs(100, 500) },
  );
});
