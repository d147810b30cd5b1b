import test from 'ava';
import type { BuildEvent } from '../../../src/builder/events.ts';
import { PlainRenderer } from '../../../src/cli/terminal/plain-renderer.ts';
import { createStyle } from '../../../src/cli/terminal/style.ts';
import {
  at,
  cached,
  checking,
  compiled,
  compiling,
  failed,
  finished,
  missed,
  output,
  START,
  started,
} from './scripted-events.ts';

function printed(events: BuildEvent[], { verbose = false, colors = false, cwd = '/home/me' } = {}): string[] {
  let text = '';
  const renderer = new PlainRenderer({
    stream: { write: chunk => (text += chunk) },
    style: createStyle(colors),
    clock: () => START,
    cwd,
    verbose,
  });
  for (const event of events) {
    renderer.event(event);
  }
  renderer.close();
  return text.split('\n');
}

const twoHalves = [
  started('left', 'right'),
  checking(1, 'left'),
  checking(1, 'right'),
  missed(5, 'left', 'config/corne.keymap changed', 'toolchain version changed'),
  cached(9, 'right', 4_200),
  compiling(10, 'left'),
  output(50, 'left', '[1/9] compiling matrix.c'),
  compiled(1_510, 'left', 1_500),
  finished(1_520, { compiled: 1, cached: 1, saved: 4_188 }),
];

test('each line names its target and says what happened and why', t => {
  t.deepEqual(printed(twoHalves), [
    'Building 2 targets in corne (command, 2 at once)',
    'right: from the cache in 12ms',
    'left: compiling (config/corne.keymap changed, toolchain version changed)',
    'left: compiled in 1.5s',
    '',
    '✔ 2 targets in 1.5s: 1 compiled, 1 from the cache, 4.1s saved',
    '  Firmware: corne/firmware',
    '',
  ]);
});

test('a target that waits for the objects of another one says so, once', t => {
  const lines = printed([
    started('left', 'right'),
    compiling(10, 'left'),
    compiling(10, 'right'),
    at(20, { type: 'target-held', target: 'right', behind: 'left' }),
    compiled(1_000, 'left', 990),
    at(1_000, { type: 'target-resumed', target: 'right', jobs: 2 }),
    compiled(1_500, 'right', 1_490),
  ]);
  t.deepEqual(lines.slice(3, -1), [
    'right: waiting for left, which compiles the same objects',
    'left: compiled in 990ms',
    'right: compiled in 1.4s',
  ]);
});

test('verbose adds every line of the compilers, each after the name of its target', t => {
  const lines = printed(twoHalves, { verbose: true });
  t.true(lines.includes('left │ [1/9] compiling matrix.c'));
  t.true(lines.includes('left: not in the cache: config/corne.keymap changed'));
  t.true(lines.includes('left: not in the cache: toolchain version changed'));
  t.true(lines.includes('left: compiling'));
});

test('a failure is reported at once, and at the end with its last lines and its log file', t => {
  const lines = printed([
    started('left', 'right'),
    failed(900, 'left', 880),
    compiled(1_000, 'right', 990),
    finished(1_000, { compiled: 1, failed: 1 }),
  ]);
  t.deepEqual(lines, [
    'Building 2 targets in corne (command, 2 at once)',
    'left: failed: keymap.c:3:7: error: unknown type',
    'right: compiled in 990ms',
    '',
    '✖ left: keymap.c:3:7: error: unknown type',
    '  The compiler exited with status 2.',
    '  │ keymap.c:3:7: error: unknown type',
    '  │ 1 error generated.',
    '  Full log: /tmp/logs/left.log',
    '',
    '✖ 2 targets in 1s: 1 compiled, 1 failed',
    '  Firmware: corne/firmware',
    '',
  ]);
});

test('a finished target has the flash and RAM that its firmware uses, as far as they are known', t => {
  const memory = { flash: { used: 208_016, size: 811_008 }, ram: { used: 57_040, size: 262_144 } };
  const lines = printed([
    started('left', 'right'),
    { ...compiled(900, 'left', 880), memory } as BuildEvent,
    { ...cached(900, 'right', 5_000), memory: { ram: memory.ram } } as BuildEvent,
  ]);
  t.deepEqual(lines.slice(1, 3), [
    'left: compiled in 880ms, flash 26 %, RAM 22 %',
    'right: from the cache in 12ms, RAM 22 %',
  ]);
});

test('a plan shows which targets would be compiled and why, and which are cached', t => {
  const lines = printed([
    started('left', 'right'),
    at(3, { type: 'target-planned', target: 'left', plan: 'compile', why: ['config/corne.keymap changed'] }),
    at(3, { type: 'target-planned', target: 'right', plan: 'cache', why: [] }),
    finished(4, {}),
  ]);
  t.deepEqual(lines.slice(1), [
    'left: would be compiled',
    'left:   config/corne.keymap changed',
    'right: in the cache',
    '',
    '1 target would be compiled, 1 would come from the cache',
    '',
  ]);
});

test('a cancelled build says so, and not that it is done', t => {
  const lines = printed([
    started('left', 'right'),
    at(5, { type: 'target-cancelled', target: 'left' }),
    at(5, { type: 'target-cancelled', target: 'right' }),
    finished(700, { cancelled: 2 }),
  ]);
  t.deepEqual(lines.slice(1), [
    'left: cancelled',
    'right: cancelled',
    '',
    '■ 2 targets in 700ms: 2 cancelled',
    '',
  ]);
});

test('a target that another build compiles shows the process that it waits for', t => {
  const lines = printed([
    started('left'),
    at(5, { type: 'target-waiting', target: 'left', thread: 1, pid: 4711 }),
    at(900, {
      type: 'target-finished',
      target: 'left',
      source: 'waited',
      files: [],
      duration: 895,
      compiledAt: 0,
      compileDuration: 1_000,
    }),
  ]);
  t.deepEqual(lines.slice(1, 3), [
    'left: waiting for process 4711, which is compiling the same',
    'left: from the cache (another build compiled it) in 895ms',
  ]);
});

test('a wait that failed is not given as a reason to compile', t => {
  const lines = printed([
    started('left'),
    missed(1, 'left', 'left.conf changed', 'west.yml changed'),
    at(5, { type: 'target-waiting', target: 'left', thread: 1, pid: 4711 }),
    compiling(900, 'left'),
  ]);
  t.deepEqual(lines.slice(1, 3), [
    'left: waiting for process 4711, which is compiling the same',
    'left: compiling (left.conf changed, west.yml changed)',
  ]);
});

test('a warning about a firmware names its target', t => {
  const lines = printed([
    started('left'),
    at(1, { type: 'warning', target: 'left', message: 'A setting has no effect.' }),
    at(1, { type: 'warning', message: 'zmk is moved.' }),
  ]);
  t.deepEqual(lines.slice(1, 3), ['Warning: left: A setting has no effect.', 'Warning: zmk is moved.']);
});

test('escape sequences and control characters of a compiler never reach the terminal', t => {
  const hostile = '\u001b[2J\u001b[31merror\u001b[0m\u0007\tx\u001b]0;title\u0007\r\nnext\u009b1m';
  const text = printed(
    [
      started('left'),
      output(1, 'left', hostile),
      at(2, { type: 'warning', message: hostile }),
      at(3, {
        type: 'target-failed',
        target: 'left',
        reason: 'exit-status',
        message: hostile,
        lastLines: [hostile],
        duration: 1,
      }),
      finished(4, { failed: 1 }),
    ],
    { verbose: true },
  ).join('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain them.
  t.notRegex(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  t.regex(text, /left │ error {3}x/);
});

test('colours are written only on request', t => {
  t.true(printed(twoHalves, { colors: true }).join('').includes('\u001b[32mcompiled\u001b[39m'));
  t.false(printed(twoHalves).join('').includes('\u001b'));
});

test('a path outside the current directory stays absolute', t => {
  t.is(printed(twoHalves, { cwd: '/srv' })[0], 'Building 2 targets in /home/me/corne (command, 2 at once)');
});
