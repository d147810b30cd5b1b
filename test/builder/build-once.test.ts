// Concurrent builds, in two processes or in one: each target is compiled once in all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { BuildEvent } from '../../src/builder/index.ts';
import { compileHalf, createProject, type Project } from './project.ts';

test.serial(
  'two processes compile each target once, and the second one names the process that it waits for',
  async t => {
    const project = await createProject(t);
    const first = project.start();
    const { left, right } = await project.rig.nextRuns(2);

    const second = startElsewhere(project);
    t.teardown(() => second.child.kill('SIGKILL'));
    const waits = await second.until(
      events => events.filter(event => event.type === 'target-waiting').length === 2,
    );
    const waiting = waits.filter(event => event.type === 'target-waiting');
    t.deepEqual(waiting.map(event => event.target).sort(), ['left', 'right']);
    t.deepEqual(new Set(waiting.map(event => event.pid)), new Set([process.pid]));

    await compileHalf(left!);
    await compileHalf(right!);
    t.like(await first.done, { compiled: 2 });
    const events = await second.until(all => all.at(-1)?.type === 'build-finished');
    t.like(events.at(-1), { compiled: 0, cached: 2, failed: 0 });
    t.deepEqual(
      events.filter(event => event.type === 'target-finished').map(event => event.source),
      ['waited', 'waited'],
    );
    t.is(project.rig.runs, 2);
  },
);

test.serial('a process that is killed while it compiles does not hold up the other', async t => {
  const project = await createProject(t);
  const first = startElsewhere(project);
  const orphans = await project.rig.nextRuns(2);
  const second = project.start();
  const { pid } = await second.next('target-waiting', 'left');
  t.is(pid as number | undefined, first.child.pid);
  await second.next('target-waiting', 'right');
  first.child.kill('SIGKILL');
  const { left, right } = await project.rig.nextRuns(2);
  await compileHalf(left!);
  await compileHalf(right!);
  t.like(await second.done, { compiled: 2 });
  // The compilers of the killed process go on although their firmware is not wanted any more.
  for (const run of Object.values(orphans)) await run.succeed('late');
  t.like(await project.start().done, { cached: 2 });
  for (const half of ['left', 'right']) {
    t.is(
      await readFile(path.join(project.directory, 'firmware', `${half}.uf2`), 'utf8'),
      `${half}: keymap ${half}`,
    );
  }
});

test.serial(
  'a process that is stopped while it compiles does not hold up the others, and stores nothing late',
  async t => {
    const project = await createProject(t);
    const first = startElsewhere(project);
    t.teardown(() => first.child.kill('SIGKILL'));
    const late = await project.rig.nextRuns(2);
    const second = project.start();
    await second.next('target-waiting', 'left');
    await second.next('target-waiting', 'right');
    first.child.kill('SIGSTOP');
    const stopped = performance.now();
    // A lock without a heartbeat for ten seconds can be taken over; the rig waits for thirty.
    const { left, right } = await project.rig.nextRuns(2);
    t.log(`taken over after ${Math.round(performance.now() - stopped)} ms`);
    await compileHalf(left!);
    // One of its targets is compiled again before it resumes, the other one is being compiled.
    await second.next('target-finished', 'left');
    for (const run of Object.values(late)) await run.succeed('late');
    first.child.kill('SIGCONT');
    const events = await first.until(all => all.at(-1)?.type === 'build-finished');
    t.like(events.at(-1), { compiled: 2, failed: 0 }, 'what it compiled is still good for itself');
    await compileHalf(right!);
    t.like(await second.done, { compiled: 2 });

    const third = project.start();
    t.like(await third.done, { compiled: 0, cached: 2 });
    t.deepEqual(await project.output(), {
      'left.uf2': 'left: keymap left',
      'right.uf2': 'right: keymap right',
    });
  },
);

test.serial('two builds in one process compile each target once', async t => {
  const project = await createProject(t);
  const first = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  const second = project.start();
  await second.next('target-waiting', 'left');
  await second.next('target-waiting', 'right');
  await compileHalf(left!);
  await compileHalf(right!);
  t.like(await first.done, { compiled: 2 });
  t.like(await second.done, { cached: 2 });
  t.is(project.rig.runs, 2);
});

/** The same build in a process of its own. */
function startElsewhere(project: Project) {
  const program = fileURLToPath(new URL('./build-process.ts', import.meta.url));
  const options = { configDirectory: project.directory, jobs: 2, userConfig: project.userConfig };
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A killed process leaves its temporary files.
    env: { ...process.env, TMPDIR: project.root },
  });
  const events: BuildEvent[] = [];
  const waiting: (() => void)[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', line => {
    events.push(JSON.parse(line) as BuildEvent);
    for (const check of waiting) check();
  });
  const ended = once(lines, 'close').then(() => Promise.reject(new Error('The other process ended.')));
  ended.catch(() => {});
  const until = (enough: (events: BuildEvent[]) => boolean): Promise<BuildEvent[]> => {
    const found = new Promise<BuildEvent[]>(resolve => {
      const check = () => enough(events) && resolve(events);
      waiting.push(check);
      check();
    });
    return Promise.race([found, ended]);
  };
  return { child, until };
}
