// The preprocessed line that the devicetree reader could not parse: it is kept when its build directory is removed.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { excerptOf } from '../../../../src/builder/toolchains/zephyr/preprocessed.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';
import { writeFiles } from '../observed/workspace.ts';

/** As written by GCC 12, shortened. */
const SOURCE = `# 0 "/w/zephyr/misc/empty_file.c"
# 0 "<built-in>"
# 0 "<command-line>"
# 1 "/w/zephyr/misc/empty_file.c"

# 0 "<command-line>" 2
# 1 "/w/my \\"config\\"/corne.keymap" 1
# 1 "/w/zmk/app/dts/behaviors.dtsi" 1
/ { behaviors { }; };
# 2 "/w/my \\"config\\"/corne.keymap" 2


/ {
  keymap {
    base { bindings = <

 &kp 4 &kp FOO &kp (((0x07) << 16) | (0x06))

 >; };
  };
};
# 7 "/w/my \\"config\\"/corne.keymap"
again
`;

async function excerpt(t: ExecutionContext, message: string, source: string | undefined = SOURCE) {
  const root = await temporaryDirectory(t);
  writeFiles(root, { log: `-- Board: nice_nano_v2\n${message}\n-- In: build\n` });
  if (source !== undefined) writeFiles(root, { 'zephyr/zephyr.dts.pre': source });
  return excerptOf(root, path.join(root, 'log'));
}

const said = (line: number, column: number, file = '/w/my "config"/corne.keymap') =>
  `devicetree error: ${file}:${line} (column ${column}): parse error: expected number or parenthesized expression`;

test("the line is found by the preprocessor's line markers", async t => {
  const text = ' &kp 4 &kp FOO &kp (((0x07) << 16) | (0x06))';
  t.deepEqual(await excerpt(t, said(8, 12)), {
    file: '/w/my "config"/corne.keymap',
    line: 8,
    text,
    column: 12,
  });
  t.is((await excerpt(t, said(8, 12)))?.text.slice(11, 14), 'FOO');
});

test('of two lines with the same origin, the one that is long enough is kept', async t => {
  t.is((await excerpt(t, said(7, 5)))?.text, 'again');
});

test('a long line is cut around the place', async t => {
  const long = `${'x'.repeat(5_000)}FOO${'y'.repeat(5_000)}`;
  const found = await excerpt(t, said(1, 5_001, '/a.keymap'), `# 1 "/a.keymap"\n${long}\n`);
  t.true(found!.text.length < 2_100);
  t.is(found!.text.slice(found!.column - 1, found!.column + 2), 'FOO');
});

test('no line is kept when the log is about something else, or the source is missing', async t => {
  t.is(await excerpt(t, 'ninja: build stopped: subcommand failed.'), undefined);
  t.is(await excerpt(t, said(99, 1)), undefined);
  t.is(await excerpt(t, said(8, 12), ''), undefined);
  t.is(await excerptOf('/nowhere', '/nowhere/log'), undefined);
});
