import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const canLimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

(canLimit ? test : test.skip)(
  `however few file descriptors are free, a program starts or the lack of descriptors is reported (${canLimit ? 'with' : 'needs'} prlimit)`,
  async t => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'glovebox-test-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const program = path.join(import.meta.dirname, 'descriptors-process.ts');
    const { stdout } = await run(
      'prlimit',
      ['--nofile=200:200', process.execPath, '--no-warnings', program, directory, '14'],
      // A program that waits for ever is ended, and fails the test.
      { timeout: 60_000, env: { ...process.env, TMPDIR: directory } },
    );
    const outcomes = JSON.parse(stdout) as string[];
    t.is(outcomes.length, 15);
    for (const outcome of outcomes.slice(0, -1)) t.regex(outcome, /^exit 0$|too many files are open/);
    t.regex(outcomes[0]!, /too many files are open/);
    t.is(outcomes.at(-1), 'exit 0');
    t.deepEqual(await readdir(directory), []);
  },
);
