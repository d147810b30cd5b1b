import test from 'ava';
import { LiveRenderer } from '../../../src/cli/terminal/live-renderer.ts';
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
  started,
} from './scripted-events.ts';
import { show } from './view.ts';

const watch = ({ verbose = false, ...size }: { verbose?: boolean; columns?: number; rows?: number } = {}) =>
  show(options => new LiveRenderer({ ...options, verbose }), size);

test('the result of a comparison stays above the live region, and after it', t => {
  const view = watch();
  view.tell(started('left', 'right'), compiled(100, 'left', 100), compiled(200, 'right', 100));
  view.tell(at(300, { type: 'target-verified', target: 'left', different: [] }));
  view.tell(at(400, { type: 'target-verified', target: 'right', different: ['right.uf2'] }));
  t.deepEqual(view.at(500).slice(0, 2), [
    'left: the same when compiled from scratch',
    'right: not the same when compiled from scratch: right.uf2',
  ]);
});

test('a target that waits for the objects of another one says so', t => {
  const view = watch();
  view.tell(started('left', 'right'), missed(0, 'left', 'never built'), missed(0, 'right', 'never built'));
  view.tell(compiling(100, 'left'), compiling(100, 'right'));
  view.tell(at(1_000, { type: 'target-held', target: 'right', behind: 'left' }));
  t.regex(view.at(3_000)[2]!, /right +waiting +2\.0s +left compiles the same objects$/);
  view.tell(at(4_000, { type: 'target-resumed', target: 'right', jobs: 2 }));
  t.regex(view.at(5_000)[2]!, /right +compiling +1\.0s +never built$/);
});

test('each target has a line with its state, its time and the last line of its compiler', t => {
  const view = watch();
  view.tell(started('corne_left', 'corne_right', 'settings_reset'));
  t.deepEqual(view.at(0), [
    'Building 3 targets in corne (command, 2 at once)',
    '· corne_left     queued',
    '· corne_right    queued',
    '· settings_reset queued',
  ]);

  view.tell(checking(0, 'corne_left'), missed(5, 'corne_left', 'config/corne.keymap changed'));
  view.tell(checking(5, 'corne_right'), compiling(100, 'corne_left'), cached(60, 'settings_reset', 4_212));
  t.deepEqual(view.at(1_400), [
    'Building 3 targets in corne (command, 2 at once)',
    '⠼ corne_left     compiling     1.3s  config/corne.keymap changed',
    '⠼ corne_right    checking      1.4s',
    '✔ settings_reset from cache    12ms  saved 4.2s',
  ]);

  view.tell(output(1_450, 'corne_left', '[1/9] compiling matrix.c'));
  view.tell(output(1_460, 'corne_left', '[2/9] compiling layers.c'));
  view.tell(at(1_460, { type: 'target-waiting', target: 'corne_right', thread: 1, pid: 99 }));
  t.deepEqual(view.at(61_500).slice(1, 3), [
    '⠴ corne_left     compiling    1m 1s  [2/9] compiling layers.c',
    '⠴ corne_right    waiting         1m  process 99 is compiling the same',
  ]);
  t.is(view.screen.scrolled, 0);
});

test('at the end the targets stay, with a summary below of the time saved and the place of the firmware', t => {
  const view = watch();
  view.tell(started('left', 'right'), compiling(0, 'left'), compiling(0, 'right'));
  view.at(300);
  view.tell(output(400, 'left', 'linking'));
  view.at(500);
  view.tell(compiled(900, 'left', 900), cached(950, 'right', 2_000));
  view.tell(finished(1_000, { compiled: 1, cached: 1, saved: 1_988 }));
  t.deepEqual(view.screen.text, [
    '✔ left  compiled     900ms',
    '✔ right from cache    12ms  saved 1.9s',
    '',
    '✔ 2 targets in 1s: 1 compiled, 1 from the cache, 1.9s saved',
    '  Firmware: corne/firmware',
  ]);
  t.false(view.ticking, 'the timer has stopped, so nothing keeps the process alive');
  view.renderer.close();
  t.is(view.screen.text.length, 5, 'closing twice prints nothing twice');
});

test('a failure is shown while the others go on, and explained at the end', t => {
  const view = watch();
  view.tell(started('left', 'right'), compiling(0, 'left'), compiling(0, 'right'), failed(700, 'left', 700));
  t.deepEqual(view.at(800).slice(1), [
    '✖ left  failed       700ms  keymap.c:3:7: error: unknown type',
    '⠇ right compiling     0.8s',
  ]);
  view.tell(compiled(900, 'right', 900), finished(1_000, { compiled: 1, failed: 1 }));
  t.deepEqual(view.screen.text.slice(2), [
    '',
    '✖ left: keymap.c:3:7: error: unknown type',
    '  The compiler exited with status 2.',
    '  │ keymap.c:3:7: error: unknown type',
    '  │ 1 error generated.',
    '  Full log: /tmp/logs/left.log',
    '',
    '✖ 2 targets in 1s: 1 compiled, 1 failed',
    '  Firmware: corne/firmware',
  ]);
});

test('a line never wraps: long names and long output are cut to the width', t => {
  for (const columns of [20, 47, 50, 60, 80]) {
    const view = watch({ columns });
    const name = 'a_shield_with_a_very_long_name_indeed-some_board_with_another_long_name-zmk';
    view.tell(started(name, 'b'), compiling(0, name), compiling(0, 'b'));
    view.tell(output(1, name, 'x'.repeat(500)), output(1, 'b', '日本語'.repeat(60)));
    const frame = view.at(100);
    t.is(frame.length, 3, `at ${columns} columns`);
    t.true(
      frame.every(line => line.length < columns),
      `at ${columns} columns`,
    );
  }
});

test('128 targets fit a small screen: the running ones, the failed ones, and a count of the rest', t => {
  const names = Array.from({ length: 128 }, (_, index) => `t${String(index).padStart(3, '0')}`);
  const view = watch({ rows: 8 });
  view.tell(started(...names));
  view.tell(...names.map(name => checking(1, name)));
  t.is(view.at(10).length, 7, 'even when all are active at once');
  view.tell(...names.slice(0, 100).map(name => cached(20, name, 1_000)));
  view.tell(...names.slice(100).map(name => missed(20, name, 'never built')));
  view.tell(failed(30, 't100', 10), compiling(50, 't101'), compiling(50, 't102'));
  t.deepEqual(view.at(150), [
    'Building 128 targets in corne (command, 2 at once)',
    '⠙ t101 compiling     0.1s  never built',
    '⠙ t102 compiling     0.1s  never built',
    '✖ t100 failed        10ms  keymap.c:3:7: error: unknown type',
    '101 of 128 targets done, 1 failed, 2 compiling, 25 queued',
  ]);
  t.is(view.screen.scrolled, 0, 'nothing was drawn where it could not be redrawn');
});

test('a screen of two lines still shows the count', t => {
  const view = watch({ rows: 2 });
  view.tell(started('left', 'right'), compiling(0, 'left'));
  t.deepEqual(view.at(100), ['0 of 2 targets done, 1 compiling, 1 queued']);
});

test('a warning stays above the live region, which continues to be redrawn', t => {
  const view = watch();
  view.tell(started('left'), compiling(0, 'left'));
  view.at(100);
  view.tell(at(150, { type: 'warning', message: 'The cache cannot be written: disk full.' }));
  t.deepEqual(view.at(1_200), [
    'Warning: The cache cannot be written: disk full.',
    'Building 1 target in corne (command, 2 at once)',
    '⠹ left compiling     1.2s',
  ]);
});

test('verbose keeps every line of the compilers above the live region', t => {
  const view = watch({ verbose: true });
  view.tell(
    started('left'),
    missed(0, 'left', 'never built'),
    compiling(0, 'left'),
    output(1, 'left', 'one'),
  );
  view.tell(output(2, 'left', 'two'));
  t.deepEqual(view.at(100), [
    'left: not in the cache: never built',
    'left │ one',
    'left │ two',
    'Building 1 target in corne (command, 2 at once)',
    '⠙ left compiling     0.1s  two',
  ]);
});

test('the screen is redrawn at its own rate, not once for each line of a compiler', t => {
  const view = watch();
  view.tell(started('left'), compiling(0, 'left'));
  view.at(100);
  const before = view.screen.writes;
  for (let line = 0; line < 10_000; line++) {
    view.tell(output(100, 'left', `line ${line}`));
  }
  t.is(view.screen.writes, before);
  t.regex(view.at(200).at(-1) ?? '', /line 9999$/);
});

test('while the build stops, the live region says so', t => {
  const view = watch();
  view.tell(started('left'), compiling(0, 'left'));
  view.renderer.stopping();
  t.regex(view.at(100)[0] ?? '', /^Stopping the compilers \(Ctrl-C again/);
});

test('closing an unfinished build leaves its last state, and no summary', t => {
  const view = watch();
  view.tell(started('left'), compiling(0, 'left'));
  view.at(100);
  view.renderer.close();
  t.deepEqual(view.screen.text, ['⠙ left compiling     0.1s']);
  t.false(view.ticking);
});
