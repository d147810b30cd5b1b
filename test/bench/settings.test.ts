import test from 'ava';
import { MAX_WRITERS } from '../../bench/data-set.ts';
import {
  dataOf,
  FULL,
  isMeasured,
  isQuick,
  NORMAL,
  QUICK,
  type Settings,
  topologiesOf,
} from '../../bench/settings.ts';
import { findWorkload, WORKLOADS } from '../../bench/workload.ts';

function settings(extent: typeof NORMAL): Settings {
  return { ...extent, workloads: [...WORKLOADS], shapes: topologiesOf(extent.threads, extent.processes) };
}

test('shapes are threads of one process, then processes of two threads, without repetition', t => {
  t.deepEqual(topologiesOf([1, 2], [1, 4]), [
    { processes: 1, threads: 1 },
    { processes: 1, threads: 2 },
    { processes: 4, threads: 2 },
  ]);
});

test('a full run measures every workload at 1, 2, 4 and 8 threads, and at 2 and 4 processes', t => {
  const full = settings(FULL);
  t.deepEqual(
    full.shapes.map(({ processes, threads }) => `${processes} × ${threads}`),
    ['1 × 1', '1 × 2', '1 × 4', '1 × 8', '2 × 2', '4 × 2'],
  );
  for (const workload of WORKLOADS) {
    for (const shape of full.shapes) t.true(isMeasured(workload, shape, full), workload.name);
  }
});

test('a normal run skips slow workloads in several processes, unless only those were requested', t => {
  const normal = settings(NORMAL);
  const several = { processes: 4, threads: 2 };
  t.true(isMeasured(findWorkload('mixed'), several, normal));
  t.false(isMeasured(findWorkload('value-16MiB-in'), several, normal));
  t.true(isMeasured(findWorkload('value-16MiB-in'), several, { ...normal, shapes: [several] }));
});

test('a quick run has fewer keys, with the same share of absent ones', t => {
  const quick = dataOf(findWorkload('mixed'), settings(QUICK));
  const normal = dataOf(findWorkload('mixed'), settings(NORMAL));
  t.true(quick.keys < normal.keys);
  t.true(Math.abs(quick.absent / quick.keys - normal.absent / normal.keys) < 0.001);
});

test('each thread of a quick run owns more keys than it has operations in flight', t => {
  for (const threads of [1, 4, MAX_WRITERS]) {
    const quick = { ...settings(QUICK), shapes: topologiesOf([threads], []) };
    for (const workload of WORKLOADS.filter(({ inFlight }) => inFlight > 1)) {
      t.true(dataOf(workload, quick).keys > threads * workload.inFlight, workload.name);
    }
  }
});

test('the cold data set has the requested number of entries', t => {
  t.is(dataOf(findWorkload('cold-uniform'), { ...settings(NORMAL), entries: 12_345 }).keys, 12_345);
});

test('a quick run covers every kind of measurement', t => {
  const families = new Set(WORKLOADS.filter(isQuick).map(({ family }) => family));
  t.deepEqual(families, new Set(WORKLOADS.map(({ family }) => family)));
});
