// Whatever is in the place of a keymap ends within a second, in a layout that says what is wrong or in a message.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createDefaultCache } from '../../src/coordinator/index.ts';
import { createLayoutService } from '../../src/domains/layout/index.ts';
import { type Layout, MAX_KEYMAP_LENGTH } from '../../src/keymap/index.ts';
import { fuzz, HOSTILE_PLACES, HOSTILE_TEXTS, inPlace, readWithinASecond } from '../config/hostile.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A file, and what it is read by, without a cache. */
async function keymap(t: ExecutionContext) {
  const file = path.join(await temporaryDirectory(t), 'corne.keymap');
  const service = createLayoutService({ cache: createDefaultCache({ tag: 'layout', enabled: false }) });
  // Loading the grammar is not reading a file.
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

// As long as a keymap may be.
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

test.serial('texts made to hurt the reader of a keymap end in errors with their lines', async t => {
  const { file, read } = await keymap(t);
  const repeated = REPEATED.map(
    text => [`${text} repeated`, text.repeat(MAX_KEYMAP_LENGTH / text.length)] as const,
  );
  for (const [what, text] of [...Object.entries(HOSTILE_TEXTS), ...repeated]) {
    await writeFile(file, text);
    let layout: Layout | undefined;
    await readWithinASecond(t, what, file, async () => {
      layout = await read();
    });
    t.true(layout!.errors.length > 0 && layout!.errors.every(({ line }) => line > 0), what);
  }
});

test.serial('what is no file in the place of a keymap ends in a message that names it', async t => {
  const { file, read } = await keymap(t);
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(file, put);
    t.is((await readWithinASecond(t, what, file, read))?.code, 'GLOVEBOX_KEYMAP_FILE', what);
  }
});

test.serial('a random change of a keymap ends in a layout or in a message that names the file', async t => {
  const { file, read } = await keymap(t);
  await fuzz([VALID], async text => {
    await writeFile(file, text);
    await readWithinASecond(t, JSON.stringify(text.toString()), file, read);
  });
});
