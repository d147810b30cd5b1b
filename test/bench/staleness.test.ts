// The staleness benchmark: for how long threads read values that another process has already replaced.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { stalenessOf } from '../../bench/staleness.ts';

const PROGRAM = fileURLToPath(new URL('../../bench/staleness.ts', import.meta.url));

test('a commit was stale until the last read of an older one began', t => {
  const acknowledged: [number, number][] = [
    [1, 100],
    [2, 200],
    [3, 300],
    [4, 400],
  ];
  // The second was never read, the third before its write was acknowledged, the fourth not at all.
  const seen: [number, number][] = [
    [1, 101.5],
    [3, 299],
  ];
  t.deepEqual(stalenessOf(acknowledged, seen), [1.5, 99, 0, Number.POSITIVE_INFINITY]);
});

test('a main thread and a worker read while another process writes, and report the staleness', async t => {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, '--rounds', '5'], {
    timeout: 100_000,
  });
  t.regex(stdout, /^main thread +p50 .+ p99 .+ max .+ \(5 commits\)$/m);
  t.regex(stdout, /^worker thread +p50 .+ p99 .+ max .+ \(5 commits\)$/m);
});
