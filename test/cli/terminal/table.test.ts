import test from 'ava';
import { tableLines } from '../../../src/cli/terminal/table.ts';

test('columns line up, numbers at their ends, wide characters counted', t => {
  t.deepEqual(
    tableLines(
      [
        ['TAG', 'N'],
        ['日本', '7'],
        ['firmware', '120'],
      ],
      [1],
    ),
    ['TAG         N', '日本        7', 'firmware  120'],
  );
});

test('without rows there are no lines', t => {
  t.deepEqual(tableLines([]), []);
});
