import test from 'ava';
import { WaitBudget, type WaitBudgetOptions } from '../../../src/cache/remote/wait-budget.ts';
import { TestServer } from './server.ts';
import { getValue, KEY, NOISE, PATIENT, reader, writer } from './tier.ts';

function budgetOf(options: WaitBudgetOptions = {}) {
  const clock = { time: 0 };
  const budget = new WaitBudget({ budgetMs: 5000, now: () => clock.time, ...options });
  return { clock, budget };
}

test('consecutive waits are summed', t => {
  const { clock, budget } = budgetOf();
  for (let count = 0; count < 4; count++) {
    const wait = budget.begin();
    clock.time += 1000;
    wait?.end();
    clock.time += 10_000;
  }
  t.is(budget.spentMs, 4000);
  const last = budget.begin();
  clock.time += 1000;
  t.true(budget.isExhausted);
  t.true(last?.signal.aborted);
  t.is(budget.begin(), undefined);
});

test('concurrent waits count once', t => {
  const { clock, budget } = budgetOf();
  const waits = Array.from({ length: 100 }, () => budget.begin());
  clock.time += 3000;
  for (const wait of waits) wait?.end();
  t.is(budget.spentMs, 3000);
});

test('a wait that ended in a hit returns its share, not that of others', t => {
  const { clock, budget } = budgetOf();
  const [hit, miss] = [budget.begin(), budget.begin()];
  clock.time += 2000;
  hit?.end();
  clock.time += 1000;
  miss?.end();
  hit?.paidOff();
  t.is(budget.spentMs, 2000);
  hit?.paidOff();
  t.is(budget.spentMs, 2000);
});

test('received bytes return time, but never more than was spent on them', t => {
  const { clock, budget } = budgetOf();
  const wait = budget.begin();
  clock.time += 2000;
  wait?.received(64 * 1024);
  t.is(budget.spentMs, 1000);
  wait?.received(1e9);
  t.is(budget.spentMs, 0);
  clock.time += 1000;
  wait?.end();
  t.is(budget.spentMs, 1000);
});

test('many requests that receive a kilobyte a second each do not extend the budget', t => {
  const { clock, budget } = budgetOf();
  const waits = Array.from({ length: 16 }, () => budget.begin());
  for (let second = 0; second < 4; second++) {
    clock.time += 1000;
    for (const wait of waits) wait?.received(1000);
  }
  t.is(budget.spentMs, 4000);
  for (const wait of waits) wait?.received(1_000_000);
  t.is(budget.spentMs, 0);
});

test('a thousand hits of a healthy server cost nothing, and as many misses use the budget up', t => {
  const { clock, budget } = budgetOf();
  const ask = (isHit: boolean) => {
    const wait = budget.begin();
    clock.time += 80;
    wait?.end();
    if (isHit) wait?.paidOff();
    return wait !== undefined;
  };
  for (let count = 0; count < 1000; count++) t.true(ask(true));
  let misses = 0;
  while (ask(false)) misses++;
  t.is(misses, Math.ceil(5000 / 80));
});

test('without a refill the budget stays used up; with one it is whole again in time', t => {
  for (const refillMs of [undefined, 60_000]) {
    const { clock, budget } = budgetOf({ refillMs });
    const wait = budget.begin();
    clock.time += 5000;
    t.true(budget.isExhausted);
    wait?.end();
    clock.time += 29_000;
    t.is(budget.begin(), undefined);
    clock.time += 2000;
    t.is(budget.begin() !== undefined, refillMs !== undefined);
  }
});

test('a silent server costs all its callers together no more than the budget', async t => {
  const server = await TestServer.start(t);
  server.misbehavior = () => {};
  const tier = reader(t, server.url, { limits: PATIENT, budget: { budgetMs: 200 } });
  const found = await Promise.all(Array.from({ length: 100 }, () => getValue(tier)));
  t.true(found.every(value => value === undefined));
  t.is(tier.stats().reading, 'out-of-time');
  t.is(tier.warnings.length, 1);
  t.regex(tier.warnings[0]!, /more than 0.2 s in total/);
  t.is(await getValue(tier), undefined);
  t.true(server.seen.length <= 16);
});

test('the final wait for uploads is within the budget too', async t => {
  const server = await TestServer.start(t);
  server.misbehavior = () => {};
  const tier = writer(t, server.url, { limits: PATIENT, budget: { budgetMs: 200 } });
  const puts = Array.from({ length: 10 }, () =>
    tier.put(KEY, { kind: 'value', files: [{ name: 'value', bytes: NOISE }] }),
  );
  // Only the budget can end this wait.
  await tier.close({ limitMs: 3_600_000 });
  t.true((await Promise.all(puts)).every(outcome => outcome === 'dropped'));
  t.is(tier.warnings.length, 1);
  t.is(tier.stats().notStored, 10);
});
