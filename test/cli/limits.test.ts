// Without file descriptors or threads: a clear error or reduced service at once, never a hang.
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { inFull } from '../support/extent.ts';
import { MAIN } from '../support/published.ts';
import { AS_NOBODY, copyingProject } from './copying-project.ts';
import { type RunResult, runProgram } from './run.ts';

const PRLIMIT = '/usr/bin/prlimit';
// A build that hangs is ended, and its status shows that.
const TIME_LIMIT = ['timeout', '--signal=KILL', '120'];

/** Builds two targets with only `cp` as the compiler, under a limit. */
async function project(t: ExecutionContext) {
  const matrix = 'include: [{ board: a, shield: l }, { board: a, shield: r }]';
  const { home, directory, caches, temporary, env } = await copyingProject(t, matrix);
  return {
    firmware: async () => (await readdir(join(directory, 'firmware')).catch(() => [])).sort(),
    temporary: () => readdir(temporary),
    async build(...limit: string[]): Promise<RunResult> {
      await rm(caches, { recursive: true, force: true });
      await rm(join(directory, 'firmware'), { recursive: true, force: true });
      const [program = '', ...args] = [...TIME_LIMIT, ...limit, process.execPath, MAIN, 'build', 'corne'];
      return runProgram(program, args, { cwd: home, env });
    },
  };
}

/** Node itself gives up when it cannot start its own threads, or open its own files. */
function isNodesOwn({ status, stdout }: RunResult): boolean {
  return stdout === '' && (status === null || status >= 128);
}

test.serial('out of file descriptors, a build succeeds or names the limit to raise', async t => {
  if (!existsSync(PRLIMIT)) {
    t.log('skipped: there is no prlimit here');
    t.pass();
    return;
  }
  const { build, firmware, temporary } = await project(t);
  let refused = 0;
  for (const limit of [24, 32, 38, 44, 52]) {
    const result = await build(PRLIMIT, `--nofile=${limit}`);
    if (isNodesOwn(result)) continue;
    const said = `${limit}: ${result.stdout}${result.stderr}`;
    t.notRegex(said, /bug in glovebox|\n\s+at /);
    if (result.status === 0) t.is((await firmware()).length, 2, said);
    else {
      t.is(result.status, 1, said);
      t.regex(said, /ulimit -n|EMFILE|too many open files/i);
      refused++;
    }
    t.deepEqual(await temporary(), [], said);
  }
  t.true(refused > 0);
});

inFull('out of threads, a build succeeds or names the limit to raise', async t => {
  if (process.getuid?.() !== 0 || !existsSync(PRLIMIT) || !existsSync('/usr/bin/setpriv')) {
    t.log('skipped: only root can become a user whose processes can be counted');
    t.pass();
    return;
  }
  const { build, firmware, temporary } = await project(t);
  let refused = 0;
  // `timeout` is a process of root and does not count.
  for (let limit = 9; limit <= 14; limit++) {
    const result = await build('setpriv', ...AS_NOBODY, PRLIMIT, `--nproc=${limit}`);
    if (isNodesOwn(result)) continue;
    const said = `${limit}: ${result.stdout}${result.stderr}`;
    t.notRegex(said, /bug in glovebox|\n\s+at /);
    if (result.status === 0) t.is((await firmware()).length, 2, said);
    else {
      t.is(result.status, 1, said);
      t.regex(said, /[Rr]un fewer jobs/);
      refused++;
    }
    t.deepEqual(await temporary(), [], said);
  }
  t.true(refused > 0);
});
