import test from 'ava';
import fc from 'fast-check';
import {
  formatElapsed,
  padded,
  sanitizeLine,
  shortPath,
  textWidth,
  truncate,
  wrapped,
} from '../../../src/cli/terminal/text.ts';

test('text is never wider than requested, and unchanged when it fits', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 40 }), (text, columns) => {
      const clean = sanitizeLine(text);
      const cut = truncate(clean, columns);
      return textWidth(cut) <= columns && (textWidth(clean) > columns || cut === clean);
    }),
  );
  t.is(truncate('compiling matrix.c', 10), 'compiling…');
});

test('wrapped text is never wider than requested, and loses only blanks', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 40 }), (text, columns) => {
      const clean = sanitizeLine(text);
      const lines = wrapped(clean, columns);
      const letters = (all: string) => all.replaceAll(/\s/g, '');
      return lines.every(line => textWidth(line) <= columns) && letters(lines.join('')) === letters(clean);
    }),
  );
  t.deepEqual(wrapped('There is no board here', 12), ['There is no', 'board here']);
  t.deepEqual(wrapped('Log: /a/path/that/is/much/too/long', 24), [
    'Log:',
    '    /a/path/that/is/much',
    '    /too/long',
  ]);
});

test('padded text has exactly the width of its column', t => {
  t.is(padded('left', 6), 'left  ');
  t.is(padded('日本', 6), '日本  ');
  t.is(padded('settings', 6), 'setti…');
});

test('wide characters and emoji count two columns, combining ones none', t => {
  t.is(textWidth('日本語'), 6);
  t.is(textWidth('👩‍👩‍👧'), 2);
  t.is(textWidth('e\u0301'), 1);
});

test('a clean line has no control characters, whatever was in it', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the line must not contain them.
      return !/[\u0000-\u001f\u007f-\u009f]/.test(sanitizeLine(text));
    }),
  );
  t.is(sanitizeLine('\u001b[1;31merror:\u001b[0m no'), 'error: no');
});

test('a running clock shows tenths until it passes a minute', t => {
  t.deepEqual([0, 49, 9_960, 59_949, 60_000, 3_661_000].map(formatElapsed), [
    '0.0s',
    '0.0s',
    '10.0s',
    '59.9s',
    '1m',
    '1h 1m 1s',
  ]);
});

test('paths are shown relative to the current directory only when they are inside it', t => {
  t.is(shortPath('/home/me/corne', '/home/me'), 'corne');
  t.is(shortPath('/home/me', '/home/me'), '.');
  t.is(shortPath('/home/other', '/home/me'), '/home/other');
  t.is(shortPath('/home/me/..hidden', '/home/me'), '..hidden');
});
