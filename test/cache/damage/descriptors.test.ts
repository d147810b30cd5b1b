// A process without a free file descriptor: every call ends, and stored entries are back once there are descriptors.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { scratch } from './support.ts';

const run = promisify(execFile);
const canLimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

const PLACES = {
  before: 'before the cache is opened',
  after: 'while the cache is open',
  again: 'when the cache is opened again',
};

for (const when of ['before', 'after', 'again'] as const) {
  (canLimit ? test : test.skip)(
    `out of file descriptors, ${PLACES[when]}: calls miss or fail clearly, none hangs, and all works later (${canLimit ? 'with' : 'needs'} prlimit)`,
    async t => {
      const program = new URL('descriptors-process.ts', import.meta.url).pathname;
      const { stdout } = await run(
        'prlimit',
        ['--nofile=200:200', process.execPath, '--no-warnings', program, await scratch(t), when],
        { timeout: 60_000 },
      );
      const { outcomes, isThere, works, warnings } = JSON.parse(stdout) as {
        outcomes: string[];
        isThere: boolean;
        works: boolean;
        warnings: string[];
      };
      t.is(outcomes.length, 6);
      for (const outcome of outcomes) t.regex(outcome, /^(resolved|EMFILE)$/);
      t.true(isThere);
      t.true(works);
      // Whichever file could not be opened, the message names the lack of descriptors.
      for (const warning of warnings) t.regex(warning, /EMFILE/);
      if (when === 'again')
        t.regex(warnings[0] ?? '', /too many files are open \(EMFILE\): this process may have 200/);
    },
  );
}

for (const [count, size] of [
  [300, 70_000],
  [150, 1_100_000],
] as const) {
  (canLimit ? test : test.skip)(
    `${count} values of ${size} bytes at once, in a process that may have fewer files open, are all stored and read (${canLimit ? 'with' : 'needs'} prlimit)`,
    async t => {
      const program = new URL('many-files-process.ts', import.meta.url).pathname;
      const { stdout, stderr } = await run(
        'prlimit',
        ['--nofile=100:100', process.execPath, program, await scratch(t), String(count), String(size)],
        { timeout: 60_000 },
      );
      const right = JSON.parse(stdout) as Record<string, number>;
      for (const [operation, found] of Object.entries(right)) t.is(found, count, operation);
      t.is(stderr, '');
    },
  );
}
