// A pool whose own thread does not import the library, or late: what is true all the same, and what is said about it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { temporaryRoot } from '../../support/temporary.ts';

const program = new URL('stray-process.ts', import.meta.url).pathname;

async function run(t: ExecutionContext, when: string) {
  const args = [program, await temporaryRoot(t), when];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 80_000 });
  return {
    seen: JSON.parse(stdout) as { stale: number; staleHere: number; inMemory: number; produced: number },
    warnings: stderr.split('\n').filter(line => line.includes('GloveboxWarning')),
  };
}

test('threads that nobody coordinates read what any of them has written, produce once, and say what is missing', async t => {
  const { seen, warnings } = await run(t, 'never');
  t.is(seen.stale, 0);
  t.is(seen.produced, 1);
  t.is(seen.inMemory, 15, 'each has memory of its own');
  t.is(warnings.length, 1, `once for all caches and threads:\n${warnings.join('\n')}`);
  t.regex(warnings[0]!, /copies in memory.*separate entries.*import 'glovebox';/);
});

test('threads whose pool imports the library after they were started, and before they use it, share all', async t => {
  const { seen, warnings } = await run(t, 'before they use it');
  t.deepEqual(seen, { stale: 0, staleHere: 0, inMemory: 60, produced: 1 });
  t.deepEqual(warnings, []);
});

test('a thread that imports the library when others have used it reads what they write', async t => {
  const { seen, warnings } = await run(t, 'afterwards');
  t.is(seen.stale, 0);
  t.is(seen.staleHere, 0);
  t.is(warnings.length, 1, warnings.join('\n'));
});
