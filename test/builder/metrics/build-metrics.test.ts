// Metrics of a build: its results can be queried afterwards, in memory.
import test from 'ava';
import { publishedBuild } from '../../support/published.ts';
import { compileHalf, createProject } from '../project.ts';

const { createMetricsService } = await publishedBuild();

test.serial('a build records the outcome of each target', async t => {
  const project = await createProject(t, {
    onRun: run => (run.target.name === 'left' ? compileHalf(run) : run.exit(1)),
  });
  const metrics = createMetricsService({ userConfig: project.userConfig });
  await metrics.reset();
  await project.start().done;
  await project.start().done;
  const { totals, targets } = await metrics.snapshot();
  t.like(totals, { builds: 4, compiled: 1, cache: 1, failed: 2 });
  t.like(targets.left, { builds: 2, compiled: 1, cache: 1 });
  t.like(targets.right, { builds: 2, failed: 2 });
  t.true(targets.left!.saved > 0);
});
