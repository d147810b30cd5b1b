// Whose turn it is, with real threads.
import test from 'ava';
import { Versions } from '../../src/cache/versions.ts';
import { startThreads } from '../support/thread.ts';

test('one thread at a time has the turn, and none waits for ever', async t => {
  const { buffer } = new Versions();
  const shared = new SharedArrayBuffer(8);
  const threads = startThreads(t, 4);
  const worst = await Promise.all(
    threads.map(thread =>
      thread.run(
        async ({ Versions }, buffer, shared) => {
          const { turn } = new Versions(buffer);
          const plain = new Float64Array(shared);
          for (let round = 0; round < 2000; round++) {
            while (!turn.take(1000));
            // Neither atomic: a second thread in here would lose counts.
            const before = plain[0]!;
            for (let idle = 0; idle < 200; idle++) Math.sqrt(idle);
            plain[0] = before + 1;
            turn.release();
          }
          return plain[0];
        },
        buffer,
        shared,
      ),
    ),
  );
  t.is(Math.max(...(worst as number[])), 8000);
});

test('who has waited for long goes before a thread that takes the turn again and again', async t => {
  const { buffer, turn } = new Versions();
  const state = new Int32Array(new SharedArrayBuffer(4));
  const greedy = startThreads(t, 1)[0]!;
  const running = greedy.run(
    async ({ Versions }, buffer, state) => {
      const { turn } = new Versions(buffer);
      for (;;) {
        turn.take(60_000);
        Atomics.add(state, 0, 1);
        Atomics.notify(state, 0);
        // Longer than it is free in between by far, so that luck alone would not do.
        const end = performance.now() + 3;
        while (performance.now() < end);
        turn.release();
      }
    },
    buffer,
    state,
  );
  running.catch(() => undefined);
  await Atomics.waitAsync(state, 0, 0).value;
  for (let round = 0; round < 5; round++) {
    t.true(turn.take(60_000));
    turn.release();
  }
});

test('it is not waited for longer than asked', t => {
  const { buffer, turn } = new Versions();
  t.true(turn.take(0));
  t.false(new Versions(buffer).turn.take(0));
  t.false(new Versions(buffer).turn.take(20));
  turn.release();
  t.true(new Versions(buffer).turn.take(0));
});
