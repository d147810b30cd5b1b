// The diagnostics channel `glovebox.build.target` of a build.
import { tracingChannel } from 'node:diagnostics_channel';
import test from 'ava';
import type { TargetTrace } from '../../src/builder/index.ts';
import { compileHalf, createProject } from './project.ts';

test.serial('each target is published from its beginning to its end, even if it fails', async t => {
  const project = await createProject(t);
  const told: [string, string, TargetTrace][] = [];
  const channel = tracingChannel<unknown, TargetTrace>('glovebox.build.target');
  const note = (what: string) => (trace: TargetTrace) => void told.push([what, trace.target, { ...trace }]);
  const handlers = {
    start: note('start'),
    end: () => undefined,
    asyncStart: () => undefined,
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };
  channel.subscribe(handlers as never);
  t.teardown(() => channel.unsubscribe(handlers as never));

  const building = project.start();
  for (let half = 0; half < 2; half++) {
    const run = await project.rig.nextRun();
    if (run.target.name === 'left') await compileHalf(run);
    else await run.exit(3);
  }
  await building.done;
  const of = (target: string) => told.filter(([, name]) => name === target).map(([what]) => what);
  t.deepEqual(of('left'), ['start', 'asyncEnd']);
  t.deepEqual(of('right'), ['start', 'error', 'asyncEnd']);
  const [left, right] = ['left', 'right'].map(name => told.findLast(([, target]) => target === name)![2]);
  t.like(left, { outcome: 'ready', source: 'compiled', configDirectory: project.directory });
  t.is(left!.files!.length, 1);
  t.true(left!.why!.length > 0);
  t.like(right, { outcome: 'failed' });
  t.is((right!.error as Error & { code: string }).code, 'exit-status');
});
