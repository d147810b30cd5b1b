import test from 'ava';
import type { BuildEvent } from '../../../src/builder/events.ts';
import { WatchRenderer } from '../../../src/cli/terminal/watch-renderer.ts';
import { at, checking, compiled, compiling, failed, missed, output, started } from './scripted-events.ts';
import { show } from './view.ts';

const watch = (size: { columns?: number; rows?: number } = {}) =>
  show(options => new WatchRenderer(options), size);

const waiting = (after: number, ready: number, failures: number) =>
  at(after, { type: 'watch-waiting', ready, failed: failures });

test('one live region is redrawn: the state of each target, what was saved, and that the watch is waiting', t => {
  const view = watch();
  view.tell(started('left', 'right'), checking(0, 'left'), checking(0, 'right'));
  view.tell(compiling(10, 'left'), compiling(10, 'right'), output(20, 'left', '[1/2] matrix.c'));
  t.deepEqual(view.at(1_010), [
    'Building 2 targets in corne (command, 2 at once)',
    '⠋ left  compiling     1.0s  [1/2] matrix.c',
    '⠋ right compiling     1.0s',
  ]);
  view.tell(compiled(2_000, 'left', 1_990), compiled(2_100, 'right', 2_090), waiting(2_100, 2, 0));
  t.false(view.ticking, 'nothing is redrawn while nothing happens');
  t.deepEqual(
    view.screen.text.map(line => line.replace(/ +[\d.]+s$/, '')),
    [
      'Building 2 targets in corne (command, 2 at once)',
      '✔ left  compiled',
      '✔ right compiled',
      '',
      '✔ 2 of 2 targets ready. Waiting for changes (Ctrl-C ends)',
    ],
  );

  view.tell(at(9_000, { type: 'watch-changed', changes: ['config/left.keymap changed'], targets: ['left'] }));
  view.tell(
    checking(9_001, 'left'),
    missed(9_002, 'left', 'config/left.keymap changed'),
    compiling(9_003, 'left'),
  );
  t.true(view.ticking);
  const text = view.at(9_503);
  t.regex(text[1]!, /^. left {2}compiling {5}0\.5s {2}config\/left\.keymap changed$/);
  t.regex(text[4]!, /^\d\d:\d\d:\d\d config\/left\.keymap changed: building left$/);
  t.is(text.length, 5);
  t.is(view.screen.scrolled, 0);
});

test('a failure is shown below, until it is fixed', t => {
  const view = watch();
  view.tell(
    started('left'),
    checking(0, 'left'),
    compiling(1, 'left'),
    failed(500, 'left', 499),
    waiting(501, 0, 1),
  );
  t.true(view.screen.text.includes('✖ left: keymap.c:3:7: error: unknown type'));
  t.true(view.screen.text.includes('  Full log: /tmp/logs/left.log'));
  t.is(view.screen.text.at(-1), '✖ 0 of 1 target ready, 1 failed. Waiting for changes (Ctrl-C ends)');
  view.tell(checking(900, 'left'), compiling(901, 'left'), compiled(1_000, 'left', 99), waiting(1_000, 1, 0));
  t.false(view.screen.text.some(line => line.includes('keymap.c')));
  t.is(view.screen.text.at(-1), '✔ 1 of 1 target ready. Waiting for changes (Ctrl-C ends)');
});

test('a broken build.yaml is shown, and disappears when it is fixed', t => {
  const view = watch();
  view.tell(started('left'), checking(0, 'left'), compiled(5, 'left', 5), waiting(6, 1, 0));
  view.tell(at(10, { type: 'watch-problem', message: 'build.yaml:3: this is no list.' }));
  t.true(view.screen.text.includes('✖ build.yaml:3: this is no list.'));
  view.tell(waiting(20, 1, 0));
  t.false(view.screen.text.some(line => line.includes('build.yaml:3')));
});

test('targets that left build.yaml leave the screen', t => {
  const view = watch();
  view.tell(
    started('left', 'reset'),
    checking(0, 'left'),
    compiled(5, 'left', 5),
    started('left'),
    waiting(6, 1, 0),
  );
  t.false(view.screen.text.some(line => line.includes('reset')));
  t.is(view.screen.text.at(-1), '✔ 1 of 1 target ready. Waiting for changes (Ctrl-C ends)');
});

test('a message is shown to its end, on as many lines as it takes, and a source line stays one', t => {
  const view = watch({ columns: 60 });
  const source = `&kp TAB  ${'&kp Q  '.repeat(20)}`;
  const sentence = "There is no setting CONFIG_ZMK_SLEPE. Did you mean 'CONFIG_ZMK_SLEEP'?";
  const failure = failed(5, 'left', 5) as Extract<BuildEvent, { type: 'target-failed' }>;
  const diagnosis = {
    message: sentence,
    certain: true,
    file: '/home/me/corne.conf',
    line: 10,
    column: 1,
    source,
  };
  view.tell(started('left'), checking(0, 'left'), { ...failure, diagnosis }, waiting(6, 0, 1));
  t.deepEqual(
    view.screen.text.slice(3).filter(line => !line.includes('│')),
    [
      '✖ left: corne.conf:10:1: There is no setting',
      "    CONFIG_ZMK_SLEPE. Did you mean 'CONFIG_ZMK_SLEEP'?",
      '  Full log: /tmp/logs/left.log',
      '✖ 0 of 1 target ready, 1 failed. Waiting for changes (Ctrl…',
    ],
  );
  t.is(view.screen.text.filter(line => line.includes('│')).length, 2);
});

test('a warning about a firmware disappears when another one is made', t => {
  const view = watch();
  const warning = at(5, { type: 'warning', target: 'left', message: 'A setting has no effect.' });
  view.tell(started('left', 'right'), checking(0, 'left'), warning, compiled(5, 'left', 5), waiting(6, 2, 0));
  const isShown = () => view.screen.text.some(line => line === 'Warning: left: A setting has no effect.');
  t.true(isShown());
  view.tell(checking(10, 'right'), compiled(12, 'right', 2), waiting(12, 2, 0));
  t.true(isShown());
  view.tell(checking(20, 'left'), compiled(25, 'left', 5), waiting(26, 2, 0));
  t.false(isShown());
});

test('however long the messages are, the screen never scrolls', t => {
  const view = watch({ columns: 60, rows: 10 });
  const names = Array.from({ length: 12 }, (_, index) => `target_${index}`);
  view.tell(started(...names));
  for (const name of names) view.tell(checking(0, name), failed(5, name, 5));
  view.tell(waiting(6, 0, 12));
  t.is(view.screen.scrolled, 0);
  t.is(view.screen.text.at(-1), '✖ 0 of 12 targets ready, 12 failed. Waiting for changes (C…');
});

test('at the end the state of each target stays on the screen', t => {
  const view = watch();
  view.tell(started('left'), checking(0, 'left'), compiled(5, 'left', 5), waiting(6, 1, 0));
  view.renderer.close();
  view.renderer.close();
  t.is(view.screen.text.length, 1);
  t.regex(view.screen.text[0]!, /^✔ left/);
});
