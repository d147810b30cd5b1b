// What an agent takes from a queue to which others have access, too.

import test from 'ava';
import { Queue } from 'bullmq';
import { encodeJob, type JobData, type JobRequest } from '../../../src/builder/agents/job.ts';
import { generateSigningKey, parseSigningKey } from '../../../src/cache/remote/signing.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { eventually } from '../../support/eventually.ts';
import { NO_REDIS } from './redis.ts';
import { Fleet } from './rig.ts';

const withQueue = NO_REDIS === undefined ? test.serial : test.serial.skip;

const LEASE = 'a'.repeat(64);

function request(more: Partial<JobRequest> = {}): JobRequest {
  return {
    ...{ kind: 'command', base: 'b'.repeat(64), lease: LEASE, inputs: 'c'.repeat(64) },
    target: { board: 'nice_nano', shield: 'key0', artifactName: 'key0' } as JobRequest['target'],
    places: { config: '', directory: '' },
    settings: { inputs: ['**'] },
    ...more,
  };
}

withQueue('an agent refuses jobs that no listed key has signed, and takes the next one', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 1, seconds: 0 });
  t.teardown(() => fleet.stop());
  const host = fleet.machine('agent-one');
  const agent = await host.agent(1);
  const started = agent.events.find(event => event.type === 'agent-started')!;
  if (started.type !== 'agent-started') return;
  const queue = new Queue<JobData>(started.accepts[0]!.queue, { connection: { url: fleet.redis.url } });
  t.teardown(() => queue.close());

  const stranger = parseSigningKey(generateSigningKey().privateKey);
  const listed = parseSigningKey(host.environment.GLOVEBOX_SIGNING_KEY!);
  const signed = encodeJob(request(), 'mallory', listed);
  const altered = {
    ...signed,
    record: signed.record.replace(
      /"stdoutRaw":"(.{200})(.)/,
      (_, before, one) => `"stdoutRaw":"${before}${one === 'A' ? 'B' : 'A'}`,
    ),
  };
  const cases: [data: unknown, lease: string, why: RegExp][] = [
    [
      encodeJob(request(), 'mallory', stranger),
      LEASE,
      /^it does not trust the key of the machine that asked: add \S{44} to its remote\.trust$/,
    ],
    [altered, LEASE, /^the job is not signed properly/],
    [signed, 'd'.repeat(64), /^the job is not signed properly \(moved\)/],
    [{ record: '{}' }, LEASE, /^the job is not signed properly/],
    [{}, LEASE, /^the job is not signed properly/],
    [
      encodeJob(request({ places: { config: '../..', directory: '' } }), 'alice', listed),
      LEASE,
      /another form/,
    ],
    // Signed well, but there are no such inputs.
    [signed, LEASE, /^it could not fetch the inputs from the remote cache$/],
  ];
  for (const [data, lease, why] of cases) {
    const count = agent.events.filter(event => event.type === 'job-ended').length;
    await queue.add('key0', data as JobData, { deduplication: { id: lease } });
    const ended = await agent.event(
      event =>
        event.type === 'job-ended' &&
        agent.events.filter(({ type }) => type === 'job-ended').indexOf(event) === count,
    );
    await eventually(async () => (await queue.getFailedCount()) === count + 1);
    t.like(ended, { type: 'job-ended', end: 'refused' });
    if (ended.type === 'job-ended') t.regex(ended.message ?? '', why);
  }
  t.deepEqual(fleet.runs, []);
});
