import test from 'ava';
import {
  experiment,
  type ManyEntriesTimes,
  summarizeManyEntries,
} from '../../../bench/experiments/many-entries.ts';
import { QUICK } from '../../../bench/settings.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('the table has the medians of both backends, side by side', t => {
  const reply = (total: number, longest: number) => [{ operation: 'clear', total, longest }];
  const times = (backend: 'sqlite' | 'memory', factor: number): ManyEntriesTimes => ({
    backend,
    entries: 1000,
    rounds: [reply(factor, 1), reply(3 * factor, 5), reply(2 * factor, 2)],
  });
  const { table, targets } = summarizeManyEntries([times('sqlite', 10), times('memory', 1)]);
  t.deepEqual(table, [
    ['operation', 'sqlite', 'longest stop', 'memory', 'longest stop'],
    ['clear', '20 ms', '2.0 ms', '2.0 ms', '2.0 ms'],
  ]);
  t.deepEqual(targets, []);
});

inFull('every operation runs on all entries', async t => {
  const result = await experiment.run({
    settings: { ...QUICK, workloads: [], shapes: [] },
    directory: await temporaryDirectory(t),
    onProgress: () => undefined,
  });
  t.deepEqual(
    result.table.slice(1).map(([operation]) => operation),
    [
      'setMany',
      'setMany, replacing',
      'getMany',
      'keys',
      'entries',
      'check',
      'stats',
      'deleteMany',
      'cleanup, giving the space back',
      'setMany again',
      'clear',
    ],
  );
});
