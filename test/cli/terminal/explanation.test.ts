import test from 'ava';
import type { BuildEvent } from '../../../src/builder/events.ts';
import { explanationLines, unchangedSince } from '../../../src/cli/terminal/explanation.ts';
import { BuildProgress } from '../../../src/cli/terminal/progress.ts';
import { createStyle } from '../../../src/cli/terminal/style.ts';
import { at, cached, checking, compiled, failed, missed, START, started } from './scripted-events.ts';

function explain(...events: Parameters<BuildProgress['apply']>[0][]): string[] {
  const progress = new BuildProgress();
  for (const event of events) progress.apply(event);
  return explanationLines(progress, createStyle(false));
}

test('every target has its reasons, one per line', t => {
  const since = unchangedSince(START - 3_600_000);
  t.regex(since, /^nothing changed since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  t.deepEqual(
    explain(
      started('left', 'right', 'reset', 'other'),
      missed(5, 'left', 'config/corne.keymap changed', 'zmk moved a1b2c3d → d4e5f60'),
      compiled(900, 'left', 800),
      cached(10, 'right', 800),
      missed(5, 'reset', 'never built'),
      failed(20, 'reset', 10),
    ),
    [
      'Why:',
      '  left   compiled: config/corne.keymap changed',
      '           zmk moved a1b2c3d → d4e5f60',
      `  right  from the cache: ${since}`,
      '  reset  failed: never built',
    ],
  );
});

test('the explanation counts the objects that were compiled, and those from ccache', t => {
  const causes = ['config/corne.keymap (base, key 0)'];
  const path = { kind: 'incremental' as const, compiled: 2, objects: 219, causes };
  const ccache = { direct: 10, preprocessed: 180, missed: 29 };
  t.deepEqual(
    explain(
      started('left', 'right', 'reset'),
      missed(5, 'left', 'config/corne.keymap changed'),
      at(6, { type: 'target-path', target: 'left', path }),
      compiled(900, 'left', 800),
      missed(5, 'right', 'config/corne.keymap changed'),
      at(6, {
        type: 'target-path',
        target: 'right',
        path: { kind: 'pristine', why: 'zephyr/.config differs' },
      }),
      { ...compiled(900, 'right', 800), ccache } as BuildEvent,
      missed(5, 'reset', 'never built'),
      at(6, { type: 'target-path', target: 'reset', path: { kind: 'pristine', why: undefined } }),
      { ...compiled(900, 'reset', 800), ccache: { ...ccache, direct: 0 } } as BuildEvent,
    ),
    [
      'Why:',
      '  left   compiled: config/corne.keymap changed',
      '           2 of 219 objects: config/corne.keymap (base, key 0)',
      '  right  compiled: config/corne.keymap changed',
      '           everything is compiled: zephyr/.config differs',
      '           190 of 219 from ccache (10 without the preprocessor)',
      '  reset  compiled: never built',
      '           180 of 209 from ccache',
    ],
  );
});

test('nothing is explained before anything is known, or by an older build', t => {
  t.deepEqual(explain(started('left'), missed(1, 'left', 'never built'), checking(9, 'left')), []);
});
