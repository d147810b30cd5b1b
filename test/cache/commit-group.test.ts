// What threads leave for whoever has the turn: committed once, or given back; also when the one who took it dies.
import { threadId } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { CommitGroup } from '../../src/cache/commit-group.ts';
import { encodeIncoming } from '../../src/cache/incoming.ts';
import type { IncomingValue, TimedOperation, WriteResult } from '../../src/cache/store.ts';

function set(key: string, value: unknown, more: object = {}): TimedOperation {
  const incoming = encodeIncoming(key, value) as IncomingValue;
  return {
    operation: { type: 'set', key, value: incoming, expires: null, onlyIfAbsent: false, ...more },
    now: 5,
  };
}

const remove = (key: string): TimedOperation => ({ operation: { type: 'delete', keys: [key] }, now: 6 });

/** The group as two threads have it; as both are this one, each has a box of its own. */
function two() {
  const taker = new CommitGroup();
  return { taker, poster: new CommitGroup(taker.buffer) };
}

const sound: WriteResult[] = [{ value: true }, { value: 3 }];

test('operations arrive as they were left, and their results go back', t => {
  const { taker, poster } = two();
  const batch = [
    set('text ключ', 'grüße 🌍'),
    set('bytes', Buffer.from([1, 2, 3]), { expires: 99, onlyIfAbsent: true }),
    set('empty', ''),
    remove('gone'),
  ];
  t.true(poster.post(batch));
  t.true(taker.isWaiting);
  const taken = taker.take();
  t.false(taker.isWaiting);
  t.deepEqual(JSON.parse(JSON.stringify(taken.operations)), JSON.parse(JSON.stringify(batch)));
  t.is(poster.outcome(batch), 'taken');
  const results: WriteResult[] = [{ value: true }, { value: false }, { value: true }, { value: 1 }];
  taken.prepare(results, 8);
  taken.committed();
  taken.settle(true);
  t.deepEqual(poster.outcome(batch), results);
  t.is(taker.take().operations.length, 0);
});

test('what others leave in the memory is nothing that they could have left otherwise', t => {
  const { taker, poster } = two();
  t.false(poster.post([{ operation: { type: 'clear' }, now: 0 }]));
  t.false(poster.post([{ operation: { type: 'delete', keys: ['a', 'b'] }, now: 0 }]));
  t.false(poster.post([set('a', 1, { lease: 'token' })]));
  t.false(
    poster.post([
      set('a', Buffer.alloc(10_000)),
      ...Array.from({ length: 20 }, () => set('b', Buffer.alloc(10_000))),
    ]),
  );
  t.false(taker.isWaiting);
});

test('a transaction that fails gives back what it had taken', t => {
  const { taker, poster } = two();
  const batch = [set('a', 1)];
  poster.post(batch);
  taker.take().settle(false);
  t.is(poster.outcome(batch), 'refused');
  t.true(poster.post(batch));
});

test('what is withdrawn is taken by nobody, and what is taken cannot be withdrawn', t => {
  const { taker, poster } = two();
  const batch = [set('a', 1)];
  poster.post(batch);
  t.true(poster.withdraw());
  t.is(taker.take().operations.length, 0);
  poster.post(batch);
  taker.take();
  t.false(poster.withdraw());
});

/** Leaves a batch, and has a thread take it that then dies. */
function orphan(
  t: ExecutionContext,
  { attempt, isCommitted = false }: { attempt: number; isCommitted?: boolean },
) {
  const { taker, poster } = two();
  const batch = [set('a', 1), remove('b')];
  t.true(poster.post(batch));
  const taken = taker.take();
  if (attempt > 0) taken.prepare(sound, attempt);
  if (isCommitted) taken.committed();
  // Both are this thread; it is the poster that lives on.
  const words = new Int32Array(taker.buffer);
  t.deepEqual([...words.subarray(OWNER, OWNER + 2)], [threadId + 1, threadId + 1]);
  words[OWNER + 1] = DEAD;
  return { group: poster, outcome: () => poster.outcome(batch) };
}

const DEAD = 4242;
// The word of the first box that says whose it is; the next one says who has taken it.
const OWNER = 17;

test('a taker that died before its commit leaves what it had taken to others', t => {
  for (const latest of [undefined, () => ({ commits: 7, run: 2, isOurs: true })]) {
    const { group, outcome } = orphan(t, { attempt: 8 });
    group.endOf(DEAD - 1, latest);
    t.is(outcome(), 'waiting');
    t.is(group.take().operations.length, 2);
  }
});

test('a taker that died after its commit has committed, whether it came to say so or not', t => {
  const said = orphan(t, { attempt: 8, isCommitted: true });
  said.group.endOf(DEAD - 1, undefined);
  t.deepEqual(said.outcome(), sound);
  for (const latest of [
    { commits: 8, run: 2, isOurs: true },
    { commits: 8, run: 7, isOurs: true },
  ]) {
    const { group, outcome } = orphan(t, { attempt: 8 });
    group.endOf(DEAD - 1, () => latest);
    t.deepEqual(outcome(), sound);
  }
});

test('the number that its transaction would have had may be another process’s', t => {
  for (const latest of [
    { commits: 8, run: 6, isOurs: false },
    { commits: 9, run: 7, isOurs: false },
  ]) {
    const { group, outcome } = orphan(t, { attempt: 8 });
    group.endOf(DEAD - 1, () => latest);
    t.is(outcome(), 'waiting', JSON.stringify(latest));
  }
});

test('where nobody can tell, it is said that it failed, and it is not done twice', t => {
  for (const latest of [
    { commits: 9, run: 8, isOurs: false },
    { commits: 12, run: 11, isOurs: false },
    undefined,
  ]) {
    const { group, outcome } = orphan(t, { attempt: 8 });
    group.endOf(DEAD - 1, () => latest);
    const results = outcome() as WriteResult[];
    t.deepEqual(
      results.map(result => 'failed' in result),
      [true, true],
      JSON.stringify(latest),
    );
  }
});

test('what a thread that has ended had left goes with it, and its place is free again', t => {
  const group = new CommitGroup();
  const batch = [set('a', 1)];
  for (let times = 0; times < 100; times++) {
    const ended = new CommitGroup(group.buffer);
    t.true(ended.post(batch));
    if (times % 2 === 0) {
      const taken = group.take();
      group.endOf(threadId, undefined);
      taken.settle(true);
    } else group.endOf(threadId, undefined);
    t.is(group.take().operations.length, 0);
  }
  t.true(group.post(batch));
});

test('whatever is in the memory, taking ends in operations or in none', t => {
  const { taker, poster } = two();
  const words = new Int32Array(taker.buffer);
  let state = 7;
  for (let round = 0; round < 300; round++) {
    if (!poster.post([set('a', `round ${round}`)])) break;
    for (let flips = 0; flips < 300; flips++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      words[16 + ((state >>> 0) % 600)] = state;
    }
    // The state is as it must be for somebody to take it.
    words[16] = 1;
    t.notThrows(() => taker.take().settle(false));
    words.fill(0);
  }
});
