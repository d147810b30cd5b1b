import test from 'ava';
import { explanationLines, unchangedSince } from '../../../src/cli/terminal/explanation.ts';
import { BuildProgress } from '../../../src/cli/terminal/progress.ts';
import { createStyle } from '../../../src/cli/terminal/style.ts';
import { cached, checking, compiled, failed, missed, START, started } from './scripted-events.ts';

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

test('nothing is explained before anything is known, or by an older build', t => {
  t.deepEqual(explain(started('left'), missed(1, 'left', 'never built'), checking(9, 'left')), []);
});
