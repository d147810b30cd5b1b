import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { createMetricsService, type Totals } from '../../../src/builder/metrics.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { InvalidArgumentError } from '../../../src/errors.ts';
import { createDefaultCache, resetSharedCacheInstances } from '../../../src/registry.ts';

const NOTHING: Totals = {
  builds: 0,
  compiled: 0,
  cache: 0,
  waited: 0,
  failed: 0,
  cancelled: 0,
  duration: 0,
  longest: 0,
  compiling: 0,
  saved: 0,
};

test.beforeEach(() => createMetricsService().reset());
test.after.always(() => resetSharedCacheInstances());

test.serial('a new service has no metrics', async t => {
  t.deepEqual(await createMetricsService().snapshot(), { totals: NOTHING, targets: {} });
});

test.serial('counts and times are kept for each target and in total', async t => {
  const service = createMetricsService();
  await service.record({ target: 'corne_right', result: 'compiled', duration: 500, compileDuration: 450 });
  await service.record({ target: 'corne_left', result: 'cache', duration: 20, compileDuration: 400 });
  await service.record({ target: 'corne_left', result: 'waited', duration: 300, compileDuration: 290 });
  await service.record({ target: 'corne_left', result: 'failed', duration: 100 });
  await service.record({ target: 'corne_right', result: 'cancelled', duration: 5 });
  const { totals, targets } = await service.snapshot();
  t.deepEqual(totals, {
    builds: 5,
    compiled: 1,
    cache: 1,
    waited: 1,
    failed: 1,
    cancelled: 1,
    duration: 925,
    longest: 500,
    compiling: 450,
    saved: 690,
  });
  t.deepEqual(Object.keys(targets), ['corne_left', 'corne_right']);
  t.deepEqual(targets.corne_left, {
    ...NOTHING,
    builds: 3,
    cache: 1,
    waited: 1,
    failed: 1,
    duration: 420,
    longest: 300,
    saved: 690,
  });
  t.like(targets.corne_right, { builds: 2, compiled: 1, cancelled: 1, compiling: 450, saved: 0 });
});

test.serial('metrics of other threads are visible once recorded, and none are lost', async t => {
  const file = new URL('./record-in-thread.ts', import.meta.url);
  const workers = ['left', 'right', 'left'].map(
    target => new Worker(file, { workerData: { target, times: 50 } }),
  );
  const codes = await Promise.all(workers.map(worker => once(worker, 'exit')));
  t.deepEqual(codes.flat(), [0, 0, 0]);
  const { totals, targets } = await createMetricsService().snapshot();
  t.like(totals, { builds: 150, compiled: 150, duration: 300, compiling: 150 });
  t.is(targets.left?.builds, 100);
  t.is(targets.right?.builds, 50);
});

test.serial('all services of a process share the same metrics, until they are reset', async t => {
  await createMetricsService().record({ target: 'a', result: 'cache', duration: 1 });
  t.is((await createMetricsService().snapshot()).totals.builds, 1);
  await createMetricsService().reset();
  t.deepEqual(await createMetricsService().snapshot(), { totals: NOTHING, targets: {} });
});

test.serial('metrics are kept in memory: nothing is on disk', async t => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'glovebox-metrics-'));
  t.teardown(() => fs.rm(directory, { recursive: true, force: true }));
  const userConfig = createUserConfig({ cache: { directory: path.join(directory, 'cache') } });
  const service = createMetricsService({ userConfig });
  t.true(await service.record({ target: 'a', result: 'cache', duration: 1 }));
  t.is((await service.snapshot()).totals.builds, 1);
  t.deepEqual(await fs.readdir(directory), []);
});

test.serial('disabled metrics record nothing and break nothing', async t => {
  const cache = createDefaultCache({ tag: 'metrics', backend: 'memory', enabled: false });
  const service = createMetricsService({ cache });
  t.false(await service.record({ target: 'a', result: 'cache', duration: 1 }));
  t.deepEqual(await service.snapshot(), { totals: NOTHING, targets: {} });
});

test.serial('an invalid time is a typed error, and is not recorded', async t => {
  const service = createMetricsService();
  for (const duration of [-1, Number.NaN, Infinity]) {
    await t.throwsAsync(service.record({ target: 'a', result: 'cache', duration }), {
      instanceOf: InvalidArgumentError,
    });
    const compileDuration = duration;
    await t.throwsAsync(service.record({ target: 'a', result: 'cache', duration: 1, compileDuration }), {
      instanceOf: InvalidArgumentError,
    });
  }
  t.is((await service.snapshot()).totals.builds, 0);
});

test.serial('targets may have any name', async t => {
  const service = createMetricsService();
  const names = ['__proto__', 'constructor', 'a/b', 'ö '.repeat(600)];
  for (const target of names) await service.record({ target, result: 'compiled', duration: 1 });
  const { targets } = await service.snapshot();
  t.deepEqual(Object.keys(targets).sort(), names.sort());
});
