import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { findPlaced } from '../../../src/builder/diagnosis/messages.ts';

for (const [what, lines, expected] of [
  [
    'an error takes precedence over earlier lines',
    ['a.c:1:2: warning: unused', 'make: b.mk:7: go on', 'config/corne.keymap:12:9: error: unknown key', 'x'],
    { file: 'config/corne.keymap', line: 12, column: 9, message: 'error: unknown key' },
  ],
  [
    'a place without the word error counts',
    ['compiling', 'corne.keymap:12: unknown key code', 'done'],
    { file: 'corne.keymap', line: 12, message: 'unknown key code' },
  ],
  ['warnings and notes are not errors', ['a.c:1:2: warning: error-prone', 'a.c:1:2: note: here'], undefined],
  [
    'colours do not hide it',
    ['\u001b[1ma.c:3:1: \u001b[31merror: \u001b[0mexpected ;'],
    { file: 'a.c', line: 3, column: 1, message: 'error: expected ;' },
  ],
  [
    'a path of Windows is a path',
    ['  C:\\zmk\\a.c:3: fatal error: no such file'],
    { file: 'C:\\zmk\\a.c', line: 3, message: 'fatal error: no such file' },
  ],
  ['times and addresses are not places', ['at 12:30:45', 'http://host:80/', 'took 3:4'], undefined],
  ['no output gives no place', [], undefined],
] as const) {
  test(what, t => {
    const found = findPlaced(lines.map(stripVTControlCharacters));
    t.deepEqual(found, expected && { certain: false, ...expected });
  });
}
