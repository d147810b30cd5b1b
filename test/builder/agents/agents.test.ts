// Builds on agents: real processes with their own home directories, caches and checkouts, on a real queue.
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { BuildEvent } from '../../../src/builder/index.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { eventually } from '../../support/eventually.ts';
import { isFull } from '../../support/extent.ts';
import { freePort } from '../../support/free-port.ts';
import { NO_REDIS } from './redis.ts';
import { built, compilersBelow, Fleet, type FleetOptions } from './rig.ts';

const withQueue = NO_REDIS === undefined ? test.serial : test.serial.skip;

async function fleetOf(t: ExecutionContext, options: Omit<FleetOptions, 'remote'>): Promise<Fleet> {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, ...options });
  t.teardown(() => fleet.stop());
  return fleet;
}

type Finished = Extract<BuildEvent, { type: 'target-finished' }>;

withQueue(
  'two users and an agent compile each target once in total, and both users get the same firmware',
  async t => {
    const fleet = await fleetOf(t, { targets: 5, seconds: 'go' });
    const agent = await fleet.machine('agent-one').agent(2);
    const [alice, bob] = [fleet.machine('alice'), fleet.machine('bob')];
    const builds = [alice.build(), bob.build()];
    for (const build of builds) {
      for (const name of fleet.names)
        await build.event(event => event.type === 'target-queued' && event.target === name);
      await build.event(event => event.type === 'target-output' && event.target === 'key0');
    }
    fleet.go();
    const results = await Promise.all(builds.map(built));
    for (const result of results) {
      t.like(result, { status: 0, compiled: 5, failed: 0, warnings: [] });
      t.true(result.agents > 0);
      // Each target was looked for once, and what was fetched afterwards had been built for this build.
      t.like(result.remoteCache, { hits: 0, misses: 5 });
    }
    t.deepEqual(alice.firmware, Object.fromEntries(fleet.names.map(name => [`${name}.uf2`, `${name}\n`])));
    t.deepEqual(bob.firmware, alice.firmware);
    t.deepEqual(fleet.runs.map(run => run.split(' ')[0]).sort(), fleet.names);

    // Each person sees where each target is compiled, and its output.
    for (const { events } of builds) {
      const compiling = events.filter(event => event.type === 'target-compiling');
      t.deepEqual(compiling.map(({ target }) => target).sort(), fleet.names);
      const output = events.filter(event => event.type === 'target-output');
      t.deepEqual([...new Set(output.map(({ target }) => target))].sort(), fleet.names);
      for (const { target, agent: by } of events.filter(
        (event): event is Finished => event.type === 'target-finished',
      )) {
        const where = compiling.find(event => event.target === target)?.agent;
        t.is(by, where, `${target} is compiled where it said`);
      }
    }

    agent.kill('SIGTERM');
    t.is(await agent.status(), 0);
    const ended = agent.events.filter(event => event.type === 'job-ended');
    t.true(ended.length > 0);
    t.true(ended.every(({ end }) => end === 'compiled'));
    t.is(agent.events.at(-1)?.type, 'agent-stopped');
  },
);

withQueue('without an agent, a queue or its password, a build compiles here within two seconds', async t => {
  const fleet = await fleetOf(t, { targets: 1, seconds: 0, password: 'right' });
  const { url } = fleet.redis;
  const cases: [environment: Record<string, string>, warning: RegExp, options?: string[]][] = [
    [
      {},
      /^No agent on the queue redis:\/\/127\.0\.0\.1:\d+ can build this \(command sh\)\. Everything is compiled here\.$/,
    ],
    [{ GLOVEBOX_QUEUE: url.replace('right', 'wrong') }, /the user or the password is wrong\. Everything is/],
    [{ GLOVEBOX_QUEUE: url.replace(':right@', '') }, /it needs a password\. Everything is compiled here\.$/],
    [{ GLOVEBOX_QUEUE: `redis://127.0.0.1:${await freePort()}` }, /nothing listens there\. Everything is/],
    // Reserved for documentation: no host has it.
    [
      { GLOVEBOX_QUEUE: 'redis://192.0.2.1' },
      /^The queue redis:\/\/192\.0\.2\.1 cannot be used: .*\. Everything is/,
    ],
    [
      { GLOVEBOX_REMOTE_MODE: 'read' },
      /^Agents get their inputs through the remote cache, which is only read/,
    ],
    [{ GLOVEBOX_QUEUE: 'off' }, /^No queue of agents is configured/, ['--agents']],
  ];
  // Each is a program of its own.
  const tried = isFull ? cases : cases.slice(0, 2);
  for (const [index, [environment, warning, options = []]] of tried.entries()) {
    const machine = fleet.machine(`person-${index}`, environment);
    // The cache of the others is of no use.
    machine.write('config/key0.h', `${index}\n`);
    const program = machine.build(...options);
    const result = await built(program);
    t.like(result, { status: 0, compiled: 1, agents: 0 }, `${warning}`);
    t.is(result.warnings.length, 1, result.warnings.join('\n'));
    t.regex(result.warnings[0]!, warning);
    const missed = program.events.find(event => event.type === 'target-missed')!.at;
    const compiling = program.events.find(event => event.type === 'target-compiling')!.at;
    t.log(`${compiling - missed} ms: ${result.warnings[0]}`);
  }
});

withQueue('a failure on an agent is reported as if it had happened here', async t => {
  const fleet = await fleetOf(t, { targets: 2, seconds: 'go' });
  await fleet.machine('agent-one').agent(2);
  const alice = fleet.machine('alice');
  for (const name of fleet.names) alice.write(`config/${name}.h`, 'broken\n');
  const program = alice.build();
  await program.event(event => event.type === 'target-output' && event.target === 'key0');
  fleet.go();
  const result = await built(program);
  t.like(result, { status: 1, failed: 2, warnings: [] });
  const failed = program.events.find(event => event.type === 'target-failed' && event.agent === 'agent-one');
  t.like(failed, { reason: 'exit-status', exitCode: 3 });
  if (failed?.type !== 'target-failed') return;
  const place = `${alice.checkout}/config/${failed.target}.h`;
  t.true(
    failed.lastLines.join('\n').includes(`${place}:1:1: error: it is broken`),
    failed.lastLines.join('\n'),
  );
  t.true(failed.message.includes(failed.logFile!), failed.message);
  t.like(failed.diagnosis, { line: 1, source: 'broken' });
  t.true(readFileSync(failed.logFile!, 'utf8').includes(`${place}:1:1`));
});

withQueue('Ctrl-C ends the compilers everywhere, unless another user waits for them', async t => {
  const fleet = await fleetOf(t, { targets: 3, seconds: 30 });
  const agent = await fleet.machine('agent-one').agent(2);
  const [alice, bob] = [fleet.machine('alice'), fleet.machine('bob')];
  const first = alice.build();
  const isElsewhere = (event: BuildEvent) => event.type === 'target-compiling' && event.agent === 'agent-one';
  await first.event(isElsewhere);
  await eventually(() => compilersBelow(fleet.root).length === 3);
  const second = bob.build();
  await second.event(event => event.type === 'target-output');
  first.kill('SIGINT');
  t.is(await first.status(), 130);
  // The other person's build goes on, and has the target that was compiled by the first one compiled again.
  await second.event(event => event.type === 'target-compiling' && event.agent === undefined);
  await eventually(() => compilersBelow(fleet.root).length === 3);
  t.false(agent.events.some(event => event.type === 'job-ended'));

  const stopped = Date.now();
  second.kill('SIGINT');
  t.is(await second.status(), 130);
  await eventually(() => compilersBelow(fleet.root).length === 0);
  t.log(`no compiler is left after ${Date.now() - stopped} ms`);
  await eventually(() => agent.events.filter(event => event.type === 'job-ended').length === 2);
  const ends = agent.events.flatMap(event => (event.type === 'job-ended' ? event.end : []));
  t.deepEqual(ends, ['cancelled', 'cancelled']);
});
