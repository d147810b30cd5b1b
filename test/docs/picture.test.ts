// The README's picture of a terminal.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { DARK, LIGHT, terminalPicture } from '../../docs/pictures/terminal.ts';

const BOLD_GREEN = '\u001b[1m\u001b[32mdone\u001b[39m\u001b[22m';

test('a terminal is drawn with its colours, weights and spaces', t => {
  const picture = terminalPicture([{ command: 'make <all>', output: `  ${BOLD_GREEN} & gone\n` }], LIGHT);
  t.regex(picture, /\$ <\/tspan><tspan font-weight="600">make &lt;all><\/tspan>/);
  t.regex(picture, /> {2}<tspan font-weight="600" fill="#1a7f37">done<\/tspan> &amp; gone<\/text>/);
  t.regex(
    terminalPicture([{ command: 'make', output: BOLD_GREEN }], DARK),
    new RegExp(`fill="${DARK.colors[32]}">done`),
  );
});

test('an escape sequence that a picture cannot show is an error, so that nothing is drawn wrongly', t => {
  const draw = (output: string) => () => terminalPicture([{ command: 'make', output }], LIGHT);
  t.throws(draw('\u001b[2Kgone'), { message: /cannot show "\\u001b\[2K"/ });
  t.throws(draw('\u001b[45mmagenta'), { message: /cannot show/ });
});

test('the light and the dark picture show the same run: one that compiles, then one from the cache', t => {
  const [light, dark] = ['light', 'dark'].map(theme =>
    readFileSync(path.join(import.meta.dirname, `../../docs/pictures/terminal-${theme}.svg`), 'utf8')
      .replace(/<style>.*<\/style>/, '')
      .replace(/<[^>]*>/g, ''),
  );
  t.is(light, dark);
  t.regex(light!, /npm start[\s\S]*2 compiled[\s\S]*npm start[\s\S]*2 from the cache/);
});
