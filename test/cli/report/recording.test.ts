import test from 'ava';
import type { BuildEvent } from '../../../src/builder/events.ts';
import { Recording } from '../../../src/cli/report/recording.ts';
import { traceOf } from '../../../src/cli/report/trace.ts';
import {
  at,
  cached,
  checking,
  compiled,
  compiling,
  failed,
  finished,
  missed,
  started,
} from '../terminal/scripted-events.ts';

function record(...events: BuildEvent[]): Recording {
  const recording = new Recording();
  for (const event of events) recording.event(event);
  return recording;
}

const EVENTS = [
  started('left', 'right', 'reset', 'other'),
  checking(0, 'left'),
  missed(10, 'left', 'config/corne.keymap changed'),
  checking(10, 'right'),
  cached(30, 'right', 5_000),
  checking(30, 'reset'),
  missed(35, 'reset', 'never built'),
  at(100, { type: 'target-compiling', target: 'left', thread: 12, jobs: 1, logFile: '/l' }),
  at(100, { type: 'target-waiting', target: 'reset', thread: 7, pid: 99 }),
  at(400, { type: 'target-compiling', target: 'reset', thread: 7, jobs: 1, logFile: '/l' }),
  compiled(900, 'left', 800),
  failed(950, 'reset', 550),
  at(960, { type: 'target-cancelled', target: 'other' }),
  finished(1_000, { compiled: 1, cached: 1, failed: 1, cancelled: 1 }),
];

test('each time span has its thread, its kind and its ends', t => {
  const recording = record(...EVENTS);
  t.deepEqual(
    recording.spans.map(({ target, kind, track, from, to }) => [
      target,
      kind,
      recording.trackNames[track],
      from,
      to,
    ]),
    [
      ['left', 'lookup', 'cache', 0, 10],
      ['right', 'restored', 'cache', 10, 30],
      ['reset', 'lookup', 'cache', 30, 35],
      ['reset', 'waiting', 'worker 2', 100, 400],
      ['left', 'compiled', 'worker 1', 100, 900],
      ['reset', 'failed', 'worker 2', 400, 950],
    ],
  );
  t.is(recording.trackNames.length, 3);
  t.is(recording.duration, 1_000);
  t.deepEqual(recording.targets.get('left')?.why, ['config/corne.keymap changed']);
  t.true(recording.targets.get('other')?.cancelled);
});

test('a target that waits for the objects of another one does so in its own thread', t => {
  const { spans } = record(
    started('left', 'right'),
    at(100, { type: 'target-compiling', target: 'right', thread: 7, jobs: 1, logFile: '/l' }),
    at(300, { type: 'target-held', target: 'right', behind: 'left' }),
    at(700, { type: 'target-resumed', target: 'right', jobs: 2 }),
    compiled(900, 'right', 400),
  );
  t.deepEqual(
    spans.map(({ kind, track, from, to }) => [kind, track, from, to]),
    [
      ['compiled', 1, 100, 300],
      ['waiting', 1, 300, 700],
      ['compiled', 1, 700, 900],
    ],
  );
});

test('a build that was cancelled while compiling has its partial time spans', t => {
  const recording = record(
    started('left'),
    compiling(5, 'left'),
    at(50, { type: 'target-cancelled', target: 'left' }),
    finished(60, { cancelled: 1 }),
  );
  t.like(recording.spans[0], { kind: 'cancelled', from: 5, to: 50 });
  t.is(record().duration, 0);
});

test("the trace has Perfetto's format: complete events in microseconds, and named threads", t => {
  const { traceEvents, displayTimeUnit } = JSON.parse(traceOf(record(...EVENTS)));
  t.is(displayTimeUnit, 'ms');
  t.deepEqual(
    traceEvents
      .filter(({ ph }: { ph: string }) => ph === 'M')
      .map(({ args }: { args: { name: string } }) => args.name),
    ['glovebox build /home/me/corne', 'cache', 'worker 1', 'worker 2'],
  );
  const spans = traceEvents.filter(({ ph }: { ph: string }) => ph === 'X');
  t.is(spans.length, 6);
  t.like(spans[4], {
    ...{ name: 'left', cat: 'compiled', pid: 42, tid: 1, ts: 100_000, dur: 800_000 },
    args: { kind: 'compiled', board: 'nice_nano_v2', why: 'config/corne.keymap changed' },
  });
});
