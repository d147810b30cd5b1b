// Failing worker threads: a thread that dies or hangs fails its own target, and leaves no process behind.
import test from 'ava';
import { CompilePool } from '../../../src/builder/workers/pool.ts';
import type { CompileTask } from '../../../src/builder/workers/protocol.ts';
import { isAlive } from '../rig/rig.ts';

const WORKER = new URL('./pool-worker.mjs', import.meta.url);

/** A task for the test worker, which only uses the name. */
function taskOf(artifactName: string): Omit<CompileTask, 'port'> {
  const toolchain = {
    kind: 'command' as const,
    options: { program: 'x', arguments: [], inputs: [], artifacts: ['*'] },
    directory: '/',
    configDirectory: '/',
  };
  return {
    toolchain,
    configDirectory: '/',
    userConfig: { cache: { tags: {} }, build: {}, toolchains: {}, sources: [] },
    cacheOptions: {},
    target: { board: 'x', artifactName },
    described: {
      base: { schema: 1, kind: 'command', target: { board: 'x', artifactName }, toolchain: {} },
      digest: '',
      surroundings: { places: [], folders: [], bound: [] },
      declared: { paths: [], digest: '' },
      files: new Map(),
      isMissed: true,
    },
    directory: '/',
    buildDirectory: '/',
    logFile: '/',
    jobs: 1,
  };
}

/** Runs a task; `compiler` is the pid of the process that it starts. */
function run(pool: CompilePool, name: string) {
  const compiler = Promise.withResolvers<number>();
  const done = pool.run(taskOf(name), event => {
    if (event.type === 'output') compiler.resolve(Number(event.line));
  });
  return { compiler: compiler.promise, done };
}

for (const [how, message] of [
  ['exit', /exited with code: 3/],
  ['throw', /a bug/],
] as const) {
  test.serial(
    `a thread that dies (${how}) fails its own target, its compiler is ended, and others go on`,
    async t => {
      const pool = new CompilePool(2, WORKER);
      const other = run(pool, 'wait');
      const dying = run(pool, how);
      const compiler = await dying.compiler;
      const result = await dying.done;
      t.like(result, { ok: false, reason: 'worker' });
      t.regex(result.ok ? '' : result.message, message);
      t.false(isAlive(compiler));
      t.true(isAlive(await other.compiler));
      t.like(await run(pool, 'answer').done, { ok: true }, 'another thread takes its place');
      pool.cancel();
      await other.done;
      t.false(isAlive(await other.compiler));
      await pool.close();
    },
  );
}

test.serial('a thread that does not answer is terminated on cancel, and so is its compiler', async t => {
  const pool = new CompilePool(2, WORKER);
  const running = [run(pool, 'block'), run(pool, 'wait')];
  const compilers = await Promise.all(running.map(({ compiler }) => compiler));
  const began = performance.now();
  pool.cancel();
  for (const { done } of running) t.like(await done, { ok: false, reason: 'worker' });
  t.log(`ended within ${Math.round(performance.now() - began)} ms`);
  for (const pid of compilers) t.false(isAlive(pid));
  await pool.close();
});

test.serial('threads that cannot even start fail their targets', async t => {
  const pool = new CompilePool(1, new URL('./no-such-worker.mjs', import.meta.url));
  t.like(await run(pool, 'answer').done, { ok: false, reason: 'worker' });
  t.like(await run(pool, 'answer').done, { ok: false, reason: 'worker' });
  await pool.close();
});
