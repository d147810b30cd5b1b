// Pools whose main thread imports the library late or never: the remaining guarantees, and the warning.
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

test("threads without a coordinator read each other's writes, produce once, and warn about what is missing", async t => {
  const { seen, warnings } = await run(t, 'never');
  t.is(seen.stale, 0);
  t.is(seen.produced, 1);
  t.is(seen.inMemory, 15, 'each has memory of its own');
  t.is(warnings.length, 1, `once for all caches and threads:\n${warnings.join('\n')}`);
  t.regex(warnings[0]!, /copies in memory.*separate entries.*import 'glovebox';/);
});

test('threads whose pool imports the library after they start and before they use it share everything', async t => {
  const { seen, warnings } = await run(t, 'before they use it');
  t.deepEqual(seen, { stale: 0, staleHere: 0, inMemory: 60, produced: 1 });
  t.deepEqual(warnings, []);
});

test('a thread that imports the library after others have used it reads their writes', async t => {
  const { seen, warnings } = await run(t, 'afterwards');
  t.is(seen.stale, 0);
  t.is(seen.staleHere, 0);
  t.is(warnings.length, 1, warnings.join('\n'));
});
