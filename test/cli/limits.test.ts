// Without file descriptors or threads: a clear error or reduced service at once, never a hang.
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { inFull } from '../support/extent.ts';
import { MAIN } from '../support/published.ts';
import { type RunResult, runProgram } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const NOBODY = 65_534;
const PRLIMIT = '/usr/bin/prlimit';
// A build that hangs is ended, and its status shows that.
const TIME_LIMIT = ['timeout', '--signal=KILL', '120'];

/** Builds two targets with only `cp` as the compiler, under a limit. */
async function project(t: ExecutionContext) {
  const home = await temporaryDirectory(t);
  const directory = join(home, 'corne');
  await mkdir(join(directory, 'config'), { recursive: true });
  await mkdir(join(home, 'tmp'));
  await writeFile(join(directory, 'config', 'corne.keymap'), 'keymap');
  await writeFile(
    join(directory, 'build.yaml'),
    'include: [{ board: a, shield: l }, { board: a, shield: r }]',
  );
  const command = {
    program: '/bin/cp',
    arguments: ['{config}/config/corne.keymap', '{build}/{name}.uf2'],
    inputs: ['config/**'],
    artifacts: ['*.uf2'],
  };
  await writeFile(join(directory, 'glovebox.config.json'), JSON.stringify({ toolchains: { command } }));
  for (const place of [home, directory, join(home, 'tmp')])
    if (process.getuid?.() === 0) await chown(place, NOBODY, NOBODY);
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'xdg'),
    GLOVEBOX_CACHE_DIR: join(home, 'caches'),
    TMPDIR: join(home, 'tmp'),
  };
  return {
    firmware: async () => (await readdir(join(directory, 'firmware')).catch(() => [])).sort(),
    temporary: () => readdir(join(home, 'tmp')),
    async build(...limit: string[]): Promise<RunResult> {
      await rm(join(home, 'caches'), { recursive: true, force: true });
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
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  // `timeout` is a process of root and does not count.
  for (let limit = 9; limit <= 14; limit++) {
    const result = await build('setpriv', ...ids, PRLIMIT, `--nproc=${limit}`);
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
