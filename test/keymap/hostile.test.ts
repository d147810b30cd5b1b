// Hostile keymaps: whatever takes the place of one ends within a second, in a layout with errors or in a message.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLayoutService } from '../../src/builder/layout/layout-service.ts';
import { type Layout, MAX_KEYMAP_LENGTH } from '../../src/keymap/index.ts';
import { createDefaultCache } from '../../src/registry.ts';
import { fuzz, HOSTILE_PLACES, HOSTILE_TEXTS, inPlace, readWithinASecond } from '../config/hostile.ts';
import { some } from '../support/extent.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A file, and the service that reads it without a cache. */
async function keymap(t: ExecutionContext) {
  const file = path.join(await temporaryDirectory(t), 'corne.keymap');
  const service = createLayoutService({ cache: createDefaultCache({ tag: 'layout', enabled: false }) });
  // Loads the modules first: that time is not measured.
  await writeFile(file, VALID);
  await service.layoutOf(file);
  return { file, read: () => service.layoutOf(file) };
}

const VALID = `#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
#define HRM(k) &mt LGUI k
/ {
  keymap {
    compatible = "zmk,keymap";
    base { display-name = "Base"; bindings = <&kp A HRM(B) &lt 1 SPACE>; sensor-bindings = <&inc_dec_kp C_VOL_UP C_VOL_DN>; };
#ifdef NAV
    nav { bindings = <&kp LC(LS(Z)) &trans &none>; };
#endif
  };
};
`;

const counted = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join('');

/** The texts that cost a preprocessor or a devicetree reader most. */
const COSTLY: Record<string, string> = {
  'a chain of macros': `${counted(12_000, n => `#define M${n + 1} M${n}\n`)}M12000`,
  'a chain of macros with arguments': `${counted(6_000, n => `#define M${n + 1}(x) M${n}(x)\n`)}M6000(1)`,
  'macros that double': `#define M0 &kp A\n${counted(40, n => `#define M${n + 1} M${n} M${n}\n`)}M40`,
  'arguments that double': `#define D(x) x x\n${'D('.repeat(60)}1${')'.repeat(60)}`,
  'arguments in arguments': `#define F(x) x\n${'F('.repeat(80_000)}${')'.repeat(80_000)}`,
  'arguments without an end': `#define F(x) x\n${'F('.repeat(120_000)}`,
  'arguments that go on over directives': `#define F(x) x\nF(${'a '.repeat(60_000)}\n${'#if 1\n#endif\n'.repeat(8_000)})`,
  'pasting again and again': `#define P(a, b) a##b\n${'P(x, P(y, z)) '.repeat(15_000)}`,
  'a macro with very many parameters': `#define F(${counted(20_000, n => `p${n},`)}q) q`,
  'very many labels': `/ { ${counted(30_000, n => `l${n}:`)} a { }; };`,
  'very many undefined names': `/ { keymap { compatible = "zmk,keymap"; a { bindings = <${counted(15_000, n => `&kp K${n} `)}>; }; }; };`,
  'very many nodes': `/ { ${counted(20_000, n => `n${n} { };`)} };`,
  'a layer that one macro makes': `#define ROW ${'&kp A '.repeat(90)}\n/ { keymap { compatible = "zmk,keymap"; a { bindings = <${'ROW '.repeat(220)}>; }; }; }; x`,
  'a file that includes itself': '#include "corne.keymap"\n',
  'a file that includes itself twice': '#include "corne.keymap"\n#include "corne.keymap"\n',
  'a file that devicetree source includes in itself': '/include/ "corne.keymap" / { };\n',
  'very many missing files': counted(9_000, n => `#include "f${n}.h"\n`),
  '__has_include of very many files': counted(6_000, n => `#if __has_include("f${n}.h")\n#endif\n`),
  'very many uncertain keys': `#include "none.h"\n/ { keymap { compatible = "zmk,keymap"; a { bindings = <${counted(9_000, n => `&kp A\n#if N${n}\n#endif\n`)}>; }; }; };`,
  'a long expression with a missing file': `#include "none.h"\n#define A(x) (1 + x)\n/ { keymap { compatible = "zmk,keymap"; a { bindings = <&kp (${'A(1) + '.repeat(30_000)}1)>; }; }; };`,
  'very many undefined behaviors': `/ { ${counted(8_000, n => `l${n}:`)} n { }; keymap { compatible = "zmk,keymap"; a { bindings = <&pk A ${counted(8_000, n => `&b${n} `)}>; }; }; };`,
  'a condition of many signs': `#if ${'!'.repeat(200_000)}1\n#endif`,
  'a condition of many terms': `#if 1 ${'+ 1'.repeat(60_000)} == 2\n#endif\nx`,
};

// The maximum length of a keymap.
const REPEATED = [
  '{',
  '(',
  '<',
  '"',
  '/*',
  '#if X\n',
  '#define A A\n',
  '#define X \\\n',
  '&kp ',
  '};',
  '= <',
  "'",
  '#',
];

test.serial('texts made to exhaust the reader of a keymap end in errors with their lines', async t => {
  const { file, read } = await keymap(t);
  const repeated = REPEATED.map(
    text => [`${text} repeated`, text.repeat(MAX_KEYMAP_LENGTH / text.length)] as const,
  );
  for (const [what, text] of [
    ...some(Object.entries(HOSTILE_TEXTS), 9),
    ...some(Object.entries(COSTLY), 12),
    ...some(repeated, 5),
  ]) {
    await writeFile(file, text);
    let layout: Layout | undefined;
    await readWithinASecond(t, what, file, async () => {
      layout = await read();
    });
    t.true(layout!.errors.length > 0 && layout!.errors.every(({ line }) => line > 0), what);
  }
});

test.serial('anything but a file in place of a keymap ends in a message that names it', async t => {
  const { file, read } = await keymap(t);
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(file, put);
    t.is((await readWithinASecond(t, what, file, read))?.code, 'GLOVEBOX_KEYMAP_FILE', what);
  }
});

test.serial('anything but a file in place of an include ends in an error that names it', async t => {
  const { file, read } = await keymap(t);
  const include = path.join(path.dirname(file), 'keys.h');
  await writeFile(file, `#include "keys.h"\n${VALID}`);
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(include, put);
    await readWithinASecond(t, what, file, async () => {
      const { errors } = await read();
      t.regex(errors[0]?.message ?? '', /^keys\.h (?:was not found|cannot be read: )/, what);
      t.is(errors[0]!.line, 1);
    });
  }
});

test.serial('a random change of a keymap ends in a layout or in a message that names the file', async t => {
  const { file, read } = await keymap(t);
  await fuzz([VALID], async text => {
    await writeFile(file, text);
    await readWithinASecond(t, JSON.stringify(text.toString()), file, read);
  });
});
