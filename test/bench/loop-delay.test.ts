import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { quietLoop, withLoopDelay } from '../../bench/loop-delay.ts';

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test('a blocked event loop shows up as delay', async t => {
  const { result, delay } = await withLoopDelay(async () => {
    await setTimeout(10);
    block(40);
    await setTimeout(10);
    return 'done';
  });
  t.is(result, 'done');
  t.true(delay.max >= 30);
  t.true(delay.p99 <= delay.max);
});

test('a busy loop is awaited until it is idle', async t => {
  let left = 5;
  const work = (): void => {
    block(10);
    if (--left > 0) setImmediate(work);
  };
  setImmediate(work);
  await quietLoop();
  t.is(left, 0);
});
