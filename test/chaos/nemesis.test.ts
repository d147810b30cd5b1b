// The nemesis distinguishes processes that end by themselves from the ones that it kills.
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryDirectory } from '../support/temporary.ts';
import { Checker } from './checker.ts';
import { Nemesis } from './nemesis.ts';
import { IN_PROCESSES } from './violation.ts';

test('processes that end by themselves are found, by signal or status, and none that end when told to', async t => {
  const checker = new Checker();
  const directory = await temporaryDirectory(t);
  // No time at all: they are started, and told to stop.
  const plan = { seed: 1, minutes: 0, processes: 3, threads: 0, directory, keep: false };
  const program = fileURLToPath(new URL('./crashing-process.ts', import.meta.url));
  await new Nemesis(plan, checker, program).run();
  const found = checker.violations.sort((a, b) => a.subject.localeCompare(b.subject));
  t.deepEqual(
    found.map(({ kind, subject }) => [kind, subject]),
    [
      ['crash', '0.0'],
      ['crash', '1.0'],
    ],
  );
  t.true(found[0]!.message.includes('SIGKILL'));
  t.true(found[1]!.message.includes('status 3'));
  t.true(found[1]!.message.includes('never caught'));
  t.deepEqual([...new Set(found.map(({ kind }) => kind))], Object.keys(IN_PROCESSES));
});
