import test from 'ava';
import { Debouncer, MAX_BURST_MS, QUIET_MS, type Timer } from '../../../src/builder/watch/debouncer.ts';

/** A clock that only the test advances. */
function clock() {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  const timer: Timer = (callback, milliseconds) => {
    const entry = { at: now + milliseconds, callback };
    timers.add(entry);
    return () => timers.delete(entry);
  };
  const pass = (milliseconds: number) => {
    now += milliseconds;
    for (const entry of [...timers].filter(({ at }) => at <= now)) {
      if (timers.delete(entry)) entry.callback();
    }
  };
  return { timer, pass };
}

test('many events in a row are reported once, after they have stopped', t => {
  const { timer, pass } = clock();
  let told = 0;
  const settling = new Debouncer(() => told++, { timer });
  for (let event = 0; event < 10; event++) {
    settling.trigger();
    pass(QUIET_MS - 1);
  }
  t.is(told, 0);
  pass(1);
  t.is(told, 1);
  pass(MAX_BURST_MS * 2);
  t.is(told, 1);
  settling.trigger();
  pass(QUIET_MS);
  t.is(told, 2);
});

test('events that never stop are reported all the same, again and again', t => {
  const { timer, pass } = clock();
  let told = 0;
  const settling = new Debouncer(() => told++, { timer });
  for (let passed = 0; passed < MAX_BURST_MS * 3; passed += 10) {
    settling.trigger();
    pass(10);
  }
  t.is(told, 3);
});

test('nothing is reported after close', t => {
  const { timer, pass } = clock();
  const settling = new Debouncer(() => t.fail(), { timer });
  settling.trigger();
  settling.close();
  pass(MAX_BURST_MS);
  t.pass();
});
