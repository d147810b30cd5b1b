// The checker finds every kind of planted violation, and allows unusual histories.
import test from 'ava';
import { Checker } from './checker.ts';
import type { CacheCall, CallResult, Line } from './log-lines.ts';
import { makeValue, recognise, valueId } from './values.ts';
import { IN_LOGS, type ViolationKind } from './violation.ts';

// Two threads of one process, and one of another.
const P = '0.0/main';
const P2 = '0.0/0.0';
const Q = '1.0/main';

const A = valueId('a', 0, 100);
const B = valueId('b', 1, 100);
const C = valueId('c', 2, 100);
const LARGE = valueId('large', 3, 100_000);

const key = { tag: 'steady', key: 'r0' };
const get: CacheCall = { op: 'get', ...key };
const has: CacheCall = { op: 'has', ...key };
const remove: CacheCall = { op: 'delete', ...key };
const set = (value: string, ttl?: number): CacheCall => ({
  op: 'set',
  ...key,
  value,
  ...(ttl ? { ttl } : {}),
});
const add = (value: string): CacheCall => ({ op: 'add', ...key, value });
const increment = (by: number): CacheCall => ({ op: 'increment', ...key, by });
const getOrSet = (value: string, wait?: number): CacheCall & { op: 'getOrSet' } => ({
  op: 'getOrSet',
  ...key,
  value,
  takes: 0,
  throws: false,
  ...(wait ? { wait } : {}),
});

type Fact = { t: number; happened: (checker: Checker) => void };

let calls = 0;

/** A call, answered at `end`. */
function done(writer: string, call: number, end: number, ask: CacheCall, answer: CallResult): Fact[] {
  const id = calls++;
  return [said(writer, { t: call, id, ask }), said(writer, { t: end, id, answer })];
}

/** A call without an answer. */
function unanswered(writer: string, call: number, ask: CacheCall): Fact[] {
  return [said(writer, { t: call, id: calls++, ask })];
}

/** A getOrSet that ran its producer; it was answered unless `end` is undefined. */
function produced(
  writer: string,
  [call, from, to, end]: [number, number, number, number?],
  ask: CacheCall & { op: 'getOrSet' },
): Fact[] {
  const id = calls++;
  const facts = [
    said(writer, { t: call, id, ask }),
    said(writer, { t: from, id, producing: true }),
    said(writer, { t: to, id, produced: true }),
  ];
  return end === undefined ? facts : [...facts, said(writer, { t: end, id, answer: ask.value })];
}

function said(writer: string, line: Line): Fact {
  return { t: line.t, happened: checker => checker.line(writer, line) };
}

function killed(process: string, t: number): Fact[] {
  return [
    { t, happened: checker => checker.killing(process, t) },
    { t: t + 1, happened: checker => checker.ended(process, t + 1) },
  ];
}

function stopped(process: string, from: number, to: number): Fact[] {
  return [
    { t: from, happened: checker => checker.stopped(process, from) },
    { t: to, happened: checker => checker.continued(process, to) },
  ];
}

/** The violations that the checker finds in a history when it sees it piece by piece. */
function judge(...history: Fact[][]): ViolationKind[] {
  const facts = history.flat().sort((a, b) => a.t - b.t);
  const checker = new Checker();
  let seen = 0;
  for (const { t, happened } of facts) {
    if (t > seen) checker.advance(t);
    seen = t;
    happened(checker);
  }
  for (const process of ['0.0', '1.0']) checker.ended(process, seen + 1000);
  checker.finish();
  return checker.violations.map(({ kind }) => kind);
}

const planted: Record<string, [ViolationKind, Fact[][]]> = {
  'an acknowledged write that was lost': [
    'lost-write',
    [done(P, 100, 110, set(A), true), done(P, 200, 210, get, null)],
  ],
  'an acknowledged write that has() does not find': [
    'lost-write',
    [done(P, 100, 110, set(A), true), done(Q, 200, 210, has, false)],
  ],
  'an acknowledged write that an iteration omits': [
    'lost-write',
    [
      done(P, 100, 110, set(A), true),
      done(P, 200, 210, { op: 'entries', tag: 'steady', prefix: 'r', keys: ['r0', 'r1'] }, {}),
    ],
  ],
  'a write that was read, then lost, although its writer was killed before the acknowledgement': [
    'lost-write',
    [unanswered(Q, 100, set(A)), killed('1.0', 200), done(P, 300, 310, get, A), done(P, 400, 410, get, null)],
  ],
  'an acknowledged file that was lost': [
    'lost-write',
    [
      done(P, 100, 110, { op: 'putFile', tag: 'steady', key: 'f0', value: LARGE }, true),
      done(P, 200, 210, { op: 'getFile', tag: 'steady', key: 'f0' }, null),
    ],
  ],
  'an older value than the last acknowledged one of the same process': [
    'stale-read',
    [done(P, 100, 110, set(A), true), done(P, 200, 210, set(B), true), done(P2, 211, 212, get, A)],
  ],
  'a value from memory that another process replaced too long ago': [
    'stale-read',
    [done(P, 100, 110, set(A), true), done(Q, 200, 210, set(B), true), done(P, 250, 251, get, A)],
  ],
  'a large value, never kept in memory, that another process replaced just before': [
    'stale-read',
    [done(P, 100, 110, set(LARGE), true), done(Q, 200, 210, set(B), true), done(P, 212, 213, get, LARGE)],
  ],
  'a value that comes back after it was deleted': [
    'stale-read',
    [done(P, 100, 110, set(A), true), done(P, 200, 210, remove, true), done(P, 300, 310, get, A)],
  ],
  'a thread that reads backwards': [
    'stale-read',
    [
      done(P, 100, 110, set(A), true),
      done(Q, 200, 300, set(B), true),
      done(P, 210, 220, get, B),
      done(P, 230, 240, get, A),
    ],
  ],
  'an evicted value that comes back': [
    'stale-read',
    [
      done(P, 100, 110, { op: 'set', tag: 'tight', key: 'e0', value: A }, true),
      done(P, 200, 210, { op: 'get', tag: 'tight', key: 'e0' }, null),
      done(P, 300, 310, { op: 'get', tag: 'tight', key: 'e0' }, A),
    ],
  ],
  'an expired value': ['stale-read', [done(P, 100, 110, set(A, 50), true), done(P, 300, 310, get, A)]],
  'writes of a thread that took effect out of order': [
    'stale-read',
    [done(P, 100, 120, set(A), true), done(P, 101, 121, set(B), true), done(P, 200, 210, get, A)],
  ],
  'a value that was never written': ['unwritten-value', [done(P, 100, 110, get, C)]],
  'a value that is read before it is written': [
    'unwritten-value',
    [done(P, 100, 110, get, A), done(P, 200, 210, set(A), true)],
  ],
  'half a value': ['torn-value', [done(P, 100, 110, set(A), true), done(P, 200, 210, get, 'torn: 50 bytes')]],
  'an increment that did not count': [
    'lost-increment',
    [done(P, 100, 110, increment(1), 1), done(Q, 200, 210, increment(1), 1)],
  ],
  'an increment that counted twice': [
    'doubled-increment',
    [done(P, 100, 110, increment(1), 1), done(Q, 200, 210, increment(1), 3)],
  ],
  'a sum that is too small at the end': [
    'lost-increment',
    [done(P, 100, 110, increment(2), 2), done(Q, 105, 115, increment(3), 5), done(P, 200, 210, get, '=2')],
  ],
  'a sum beyond all increments': [
    'doubled-increment',
    [
      done(P, 100, 110, increment(2), 2),
      unanswered(Q, 105, increment(3)),
      killed('1.0', 150),
      done(P, 200, 210, get, '=8'),
    ],
  ],
  'two successful adds at once': [
    'double-add',
    [done(P, 100, 120, add(A), true), done(Q, 100, 120, add(B), true)],
  ],
  'an add that was refused although there was no entry': ['ghost', [done(P, 100, 110, add(A), false)]],
  'a delete that found a deleted entry': [
    'ghost',
    [done(P, 100, 110, set(A), true), done(P, 200, 210, remove, true), done(Q, 300, 310, remove, true)],
  ],
  'two producers at the same time': [
    'two-producers',
    [
      produced(P, [100, 110, 200, 210], getOrSet(A)),
      [...unanswered(Q, 120, getOrSet(B)), said(Q, { t: 150, id: calls - 1, producing: true })],
    ],
  ],
  'a second product although the first is stored': [
    'two-products',
    [produced(P, [100, 110, 120, 130], getOrSet(A)), produced(Q, [105, 140, 150, 160], getOrSet(B))],
  ],
  'a product that was not stored': [
    'lost-write',
    [produced(P, [100, 110, 120, 130], getOrSet(A)), done(P, 200, 210, get, null)],
  ],
  'a late product that replaced the one of a producer that had taken over': [
    'stale-read',
    [
      produced(Q, [100, 110, 600, 610], getOrSet(A)),
      produced(P, [120, 330, 340, 350], getOrSet(B, 200)),
      done(P2, 400, 410, get, B),
      done(P, 700, 710, get, A),
    ],
  ],
  'a batch that took effect in part': [
    'half-batch',
    [
      unanswered(Q, 100, { op: 'setMany', tag: 'steady', keys: ['r0', 'r1'], value: A }),
      killed('1.0', 150),
      done(P, 200, 210, get, A),
      done(P, 300, 310, { op: 'get', tag: 'steady', key: 'r1' }, null),
    ],
  ],
  'a write that was refused': ['refused-write', [done(P, 100, 110, set(A), false)]],
  'a call that was rejected': [
    'error',
    [[...unanswered(P, 100, get), said(P, { t: 110, id: calls - 1, error: 'SQLITE_BUSY' })]],
  ],
  'a call without an answer': [
    'no-answer',
    [unanswered(P, 100, getOrSet(A)), done(Q, 60_000, 60_001, has, false)],
  ],
  'a warning': ['warning', [[said(P, { t: 100, warning: 'The cache has trouble' })]]],
  'damage that a kill cannot cause': [
    'damage',
    [
      done(
        P,
        100,
        110,
        { op: 'check', tag: 'steady' },
        { problems: [{ kind: 'missing-blob', subject: 'r0', message: '' }] },
      ),
    ],
  ],
  'a size without entries': [
    'damage',
    [done(P, 100, 110, { op: 'stats', tag: 'steady' }, { size: 10, count: 0 })],
  ],
};

test('every kind of violation that logs can show is planted', t => {
  const kinds = new Set(Object.values(planted).map(([kind]) => kind));
  t.deepEqual([...kinds].sort(), (Object.keys(IN_LOGS) as ViolationKind[]).sort());
});

for (const [name, [kind, history]] of Object.entries(planted)) {
  test(`the check finds ${name}`, t => {
    t.deepEqual(judge(...history), [kind]);
  });
}

const legal: Record<string, Fact[][]> = {
  'reads of the old and then the new value during a write': [
    done(P, 100, 110, set(A), true),
    done(P, 200, 300, set(B), true),
    done(Q, 210, 220, get, A),
    done(Q, 240, 250, get, B),
  ],
  'a write without an answer that took effect': [
    done(P, 100, 110, set(A), true),
    unanswered(Q, 200, set(B)),
    killed('1.0', 250),
    done(P, 300, 310, get, B),
  ],
  'a write without an answer that did not take effect': [
    done(P, 100, 110, set(A), true),
    unanswered(Q, 200, set(B)),
    killed('1.0', 250),
    done(P, 300, 310, get, A),
  ],
  'a write of a terminated thread that took effect after the end of the thread': [
    done(P, 100, 110, set(A), true),
    unanswered(P2, 200, set(B)),
    [said(P, { t: 205, ending: P2 }), said(P, { t: 210, ended: P2 })],
    done(Q, 220, 221, has, true),
    done(P, 230, 231, { op: 'get', ...key }, A),
    done(P, 300, 310, get, B),
  ],
  'a batch without an answer that took effect as a whole': [
    unanswered(Q, 100, { op: 'setMany', tag: 'steady', keys: ['r0', 'r1'], value: A }),
    killed('1.0', 150),
    done(P, 200, 210, get, A),
    done(P, 300, 310, { op: 'get', tag: 'steady', key: 'r1' }, A),
  ],
  'a batch without an answer that was overwritten in part': [
    unanswered(Q, 100, { op: 'setMany', tag: 'steady', keys: ['r0', 'r1'], value: A }),
    killed('1.0', 150),
    done(P, 200, 210, get, A),
    done(P, 300, 310, { op: 'set', tag: 'steady', key: 'r1', value: B }, true),
    done(P, 400, 410, { op: 'get', tag: 'steady', key: 'r1' }, B),
  ],
  'a value that was overwritten': [
    done(P, 100, 110, set(A), true),
    done(Q, 120, 130, set(B), true),
    done(P, 200, 210, get, B),
  ],
  'a value that was evicted': [
    done(P, 100, 110, { op: 'set', tag: 'tight', key: 'e0', value: A }, true),
    done(P, 200, 210, { op: 'get', tag: 'tight', key: 'e0' }, null),
    done(P, 220, 230, { op: 'add', tag: 'tight', key: 'e0', value: B }, true),
  ],
  'a value that was touched, and expired': [
    done(P, 100, 110, set(A, 100), true),
    done(P, 150, 151, { op: 'touch', ...key, ttl: 200 }, true),
    done(P, 300, 301, get, A),
    done(P, 400, 401, get, null),
    done(P, 402, 403, { op: 'touch', ...key, ttl: 200 }, false),
    done(P, 410, 411, add(B), true),
  ],
  'a value from memory that another process replaced just now': [
    done(P, 100, 110, set(A), true),
    done(Q, 200, 210, set(B), true),
    done(P, 212, 213, get, A),
    done(P, 240, 241, get, B),
  ],
  'the same value stored by two writers, and deleted in between': [
    done(P, 100, 110, set(A), true),
    done(Q, 120, 160, set(A), true),
    done(P, 130, 135, remove, true),
    done(P, 170, 180, get, A),
  ],
  'concurrent increments, one of them without an answer': [
    done(P, 100, 150, increment(1), 1),
    unanswered(Q, 110, increment(2)),
    killed('1.0', 160),
    done(P2, 120, 170, increment(3), 6),
    done(P, 200, 210, get, '=6'),
  ],
  'an iteration that omits a key written meanwhile': [
    done(P, 100, 110, set(A), true),
    done(P, 200, 250, { op: 'entries', tag: 'steady', prefix: 'r', keys: ['r0'] }, {}),
    done(Q, 210, 220, set(B), true),
  ],
  'a producer after one that was killed': [
    produced(Q, [100, 110, 200], getOrSet(A)),
    killed('1.0', 150),
    produced(P, [120, 151, 160, 170], getOrSet(B)),
    done(P, 200, 210, get, B),
  ],
  'a producer after one that took too long, whose product is refused': [
    produced(Q, [100, 110, 600, 610], getOrSet(A)),
    produced(P, [120, 330, 340, 350], getOrSet(B, 200)),
    done(P, 700, 710, get, B),
  ],
  'consecutive reads from memory, all within the staleness bound': [
    done(P, 100, 110, set(A), true),
    done(Q, 200, 201, set(B), true),
    done(P, 201.5, 202, get, A),
    done(P, 202.5, 203, get, A),
    done(P, 203.5, 204, get, A),
  ],
  'a producer after one that was stopped beyond the stale time': [
    produced(Q, [100, 110, 13_000, 13_010], getOrSet(A)),
    stopped('1.0', 120, 12_500),
    produced(P, [130, 11_000, 11_010, 11_020], getOrSet(B)),
    done(P, 14_000, 14_010, get, B),
  ],
  'a second product after the first was deleted': [
    produced(P, [100, 110, 120, 130], getOrSet(A)),
    done(P, 140, 150, remove, true),
    produced(Q, [105, 160, 170, 180], getOrSet(B)),
    done(P, 200, 210, get, B),
  ],
  'a call that waits while its process is stopped': [
    done(P, 100, 60_100, has, false),
    stopped('0.0', 101, 60_000),
    done(Q, 60_050, 60_060, has, false),
  ],
  'leftovers of killed processes': [
    done(
      P,
      100,
      110,
      { op: 'check', tag: 'steady' },
      { problems: [{ kind: 'orphaned-blob', subject: 'x', message: '' }] },
    ),
  ],
};

for (const [name, history] of Object.entries(legal)) {
  test(`the check allows ${name}`, t => {
    t.deepEqual(judge(...history), []);
  });
}

test('a violation comes with what happened to the key around it', t => {
  const checker = new Checker();
  for (const { happened } of [...done(P, 100, 110, set(A), true), ...done(P, 200, 210, get, null)]) {
    happened(checker);
  }
  checker.ended('0.0', 300);
  checker.finish();
  const [violation] = checker.violations;
  t.is(violation?.subject, 'steady r0');
  t.true(violation?.history.some(line => line.includes(A)));
  t.true(violation?.history.at(-1)?.startsWith('>'));
});

test('settled history is forgotten', t => {
  const checker = new Checker();
  for (let round = 0; round < 3000; round++) {
    const from = round * 100;
    const facts = [
      ...done(P, from, from + 10, set(A), true),
      ...unanswered(P2, from + 20, set(B)),
      said(P, { t: from + 21, ending: P2 }),
      said(P, { t: from + 22, ended: P2 }),
    ];
    for (const { happened } of facts) happened(checker);
    checker.advance(from + 99);
    if (round % 30 === 29) checker.ended('0.0', from + 99.5);
  }
  t.is(checker.violations.length, 0);
  t.is(checker.totals.undecided, 0);
  t.is(checker.totals.terminated, 3000);
});

test('a value reports a part that is missing or replaced by another', t => {
  for (const count of [0, 1, 2]) {
    const id = valueId('w', count, 5000);
    t.is(recognise(makeValue(id)), id);
  }
  const bytes = makeValue(valueId('w', 0, 5000)) as Buffer;
  t.true(recognise(bytes.subarray(0, 4000)).startsWith('torn:'));
  const mixed = Buffer.from(bytes);
  mixed[4321]! ^= 1;
  t.true(recognise(mixed).startsWith('torn:'));
  t.true(recognise({ id: valueId('w', 2, 100), body: 'x' }).startsWith('torn:'));
});
