import test from 'ava';
import type { Diagnosis } from '../../../src/builder/index.ts';
import { sourceLines } from '../../../src/cli/terminal/diagnosis.ts';
import { PlainRenderer } from '../../../src/cli/terminal/plain-renderer.ts';
import { createStyle } from '../../../src/cli/terminal/style.ts';
import { type at, failed, finished, START, started } from './scripted-events.ts';

const style = createStyle(false);

test('the source line has its number, and a mark below the place', t => {
  const diagnosis: Diagnosis = { message: 'bad', certain: true, line: 12, column: 6, source: '\t&kp KC_A' };
  t.deepEqual(sourceLines(diagnosis, style), ['12 │   &kp KC_A', '   │       ^']);
  t.deepEqual(sourceLines({ ...diagnosis, column: 1, source: 'x' }, style), ['12 │ x', '   │ ^']);
  t.deepEqual(sourceLines({ ...diagnosis, column: 99 }, style), ['12 │   &kp KC_A']);
  t.deepEqual(sourceLines({ message: 'bad', certain: true }, style), []);
});

test('wide characters before the place shift the mark, and control characters are removed', t => {
  const source = '漢字 \u001b[31mKC_A';
  const lines = sourceLines(
    { message: 'bad', certain: true, line: 1, column: source.indexOf('K') + 1, source },
    style,
  );
  t.deepEqual(lines, ['1 │ 漢字 KC_A', '  │      ^']);
});

test('a complete sentence is shown without the last lines, but with the log', t => {
  let printed = '';
  const renderer = new PlainRenderer({
    stream: { write: text => (printed += text) },
    style,
    clock: () => START,
    cwd: '/home/me/corne',
  });
  renderer.event(started('left'));
  renderer.event({
    ...failed(700, 'left', 700),
    diagnosis: {
      message: "'KC_A' is not a key code of ZMK. Did you mean 'A'?",
      file: '/home/me/corne/config/corne.keymap',
      ...{ line: 12, column: 5, source: '&kp KC_A', certain: true },
    },
  } as ReturnType<typeof at>);
  renderer.event(finished(900, { failed: 1 }));
  t.deepEqual(printed.split('\n').slice(1, 8), [
    "left: failed: config/corne.keymap:12:5: 'KC_A' is not a key code of ZMK. Did you mean 'A'?",
    '',
    "✖ left: config/corne.keymap:12:5: 'KC_A' is not a key code of ZMK. Did you mean 'A'?",
    '  12 │ &kp KC_A',
    '     │     ^',
    '  Full log: /tmp/logs/left.log',
    '',
  ]);
});
