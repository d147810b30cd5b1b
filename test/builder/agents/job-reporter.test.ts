import test from 'ava';
import type { JobMessage } from '../../../src/builder/agents/job.ts';
import { JobReporter } from '../../../src/builder/agents/job-reporter.ts';

/** A job in a queue that answers as soon as the test lets it. */
function slowJob() {
  const messages: JobMessage[] = [];
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  return {
    messages,
    log,
    open: () => gate.resolve(),
    job: {
      updateProgress: async (message: unknown) => {
        await gate.promise;
        messages.push(message as JobMessage);
      },
      log: async (row: string) => log.push(row),
    } as never,
  };
}

test('lines are numbered, in order, and arrive once, however many there are', async t => {
  const { job, messages, log, open } = slowJob();
  const reporter = new JobReporter(job, { by: 'me', run: 'one' });
  reporter.enter({ phase: 'compiling', jobs: 2 });
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`);
  for (const line of lines) reporter.line(line);
  open();
  await reporter.flushed();
  t.like(messages[0], { by: 'me', run: 'one', phase: 'compiling', jobs: 2 });
  let next = 0;
  const seen: string[] = [];
  for (const message of messages.slice(1)) {
    t.is(message.from, next);
    t.true(message.lines!.join('\n').length <= 8 * 1024 + 20);
    next += message.lines!.length;
    seen.push(...message.lines!);
  }
  t.deepEqual(seen, lines);
  t.deepEqual(log.join('\n').split('\n'), lines);
});

test('while a queue is out of reach a limited number of lines is kept, and the rest is reported as left out', async t => {
  const { job, messages, open } = slowJob();
  const reporter = new JobReporter(job, { by: 'me', run: 'one' });
  reporter.enter({ phase: 'compiling' });
  for (let index = 0; index < 10_000; index++) reporter.line('x'.repeat(200));
  reporter.end('cancelled');
  open();
  await reporter.flushed();
  const lines = messages.flatMap(message => message.lines ?? []);
  t.true(lines.join('\n').length < 300_000);
  t.regex(lines.at(-1)!, /^\[\d+ lines are left out\]$/);
  t.is(messages.at(-1)!.phase, 'cancelled');
});

test('an end comes after all lines before it', async t => {
  const { job, messages, open } = slowJob();
  open();
  const reporter = new JobReporter(job, { by: 'me', run: 'one' });
  reporter.line('last words');
  reporter.end('failed', { failure: { reason: 'exit-status', message: 'no', lastLines: [] } });
  await reporter.flushed();
  t.deepEqual(
    messages.map(({ phase, lines }) => [phase, lines]),
    [
      ['preparing', ['last words']],
      ['failed', undefined],
    ],
  );
});
