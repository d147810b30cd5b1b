// Three agents and two people: what must hold whatever happens to agents and to the queue. Compilers sleep, so that all of
// them can be had on one machine; most of the time is theirs.
import test, { type ExecutionContext } from 'ava';
import type { BuildEvent } from '../../../src/builder/index.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { eventually } from '../../support/eventually.ts';
import { isFull } from '../../support/extent.ts';
import { NO_REDIS } from './redis.ts';
import { type Built, built, compilersBelow, Fleet, type Machine, type Program } from './rig.ts';

const withQueue = isFull && NO_REDIS === undefined ? test.serial : test.serial.skip;

const TARGETS = 16;

/** Three agents of one core each, and two people who build the same config at once. */
async function begin(t: ExecutionContext, seconds: number) {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: TARGETS, seconds });
  t.teardown(() => fleet.stop());
  const hosts = ['one', 'two', 'three'].map(name => fleet.machine(`agent-${name}`));
  const agents = await Promise.all(hosts.map(host => host.agent(1)));
  const people = ['alice', 'bob'].map(name => fleet.machine(name));
  const programs = people.map(person => person.build());
  return { fleet, agents, people, programs };
}

/** All results are there, and they are those of a local build. */
async function finish(
  t: ExecutionContext,
  { fleet, people, programs }: { fleet: Fleet; people: Machine[]; programs: Program<BuildEvent>[] },
): Promise<Built[]> {
  const results = await Promise.all(programs.map(built));
  const local = fleet.machine('local');
  local.write('config/seconds', '0\n');
  const reference = await built(local.build('--no-agents', '--jobs', '4'));
  t.like(reference, { status: 0, failed: 0 });
  for (const [index, result] of results.entries()) {
    t.like(result, { status: 0, failed: 0, cancelled: 0 }, result.warnings.join('\n'));
    t.deepEqual(Object.keys(result.ends).sort(), [...fleet.names].sort());
    t.deepEqual(people[index]!.firmware, local.firmware);
  }
  await eventually(() => compilersBelow(fleet.root).length === 0);
  return results;
}

/** The target that an agent compiles now. */
const runningOn = async (program: Program<BuildEvent>, agent: string) => {
  const event = await program.event(one => one.type === 'target-compiling' && one.agent === agent);
  return event.type === 'target-compiling' ? event.target : '';
};

/** The seconds from a time to the end of a target. */
const secondsTo = (program: Program<BuildEvent>, target: string, since: number) =>
  (program.events.find(event => event.type === 'target-finished' && event.target === target)!.at - since) /
  1000;

withQueue(
  'each target is compiled once for two users, and all firmware is that of a local build',
  async t => {
    const all = await begin(t, 5);
    const results = await finish(t, all);
    for (const result of results) {
      t.like(result, { compiled: TARGETS, warnings: [], remoteCache: { hits: 0, misses: TARGETS } });
    }
    const compiled = all.fleet.runs.map(run => run.split(' ')[0]).filter((_, index) => index < TARGETS);
    t.deepEqual(compiled.sort(), [...all.fleet.names].sort());
    for (const { events, arrived } of all.programs) {
      const delays = events.flatMap(event => {
        if (event.type !== 'target-compiling' || event.agent === undefined) return [];
        const line = events.find(one => one.type === 'target-output' && one.target === event.target);
        return line === undefined ? [] : [arrived.get(line)! - event.at];
      });
      delays.sort((a, b) => a - b);
      t.true(delays.length > 0);
      t.log(
        `the first line after ${delays[delays.length >> 1]} ms in the median, at most ${delays.at(-1)} ms`,
      );
    }
  },
);

withQueue('the targets of a killed and of a stopped agent are built elsewhere', async t => {
  const all = await begin(t, 2);
  const [killed, stopped] = all.agents;
  const [program] = all.programs;
  const lost = await runningOn(program!, 'agent-one');
  killed!.kill('SIGKILL');
  const killedAt = Date.now();
  const late = await runningOn(program!, 'agent-two');
  stopped!.kill('SIGSTOP');
  const stoppedAt = Date.now();
  const results = await Promise.all(all.programs.map(built));
  t.log(`killed: elsewhere after ${secondsTo(program!, lost, killedAt)} s`);
  t.log(`stopped: elsewhere after ${secondsTo(program!, late, stoppedAt)} s`);
  for (const result of results) t.like(result, { status: 0, failed: 0, compiled: TARGETS });

  // Its result comes late, when both people have theirs. It is not uploaded.
  const before = all.people.map(person => person.firmware);
  stopped!.kill('SIGCONT');
  const ended = await stopped!.event(event => event.type === 'job-ended' && event.target === late);
  t.like(ended, { type: 'job-ended', end: 'lost' });
  t.deepEqual(
    all.people.map(person => person.firmware),
    before,
  );
  await finish(t, all);
});

withQueue('all builds end well if Redis is killed, and comes back 15 seconds later', async t => {
  const all = await begin(t, 2);
  await runningOn(all.programs[0]!, 'agent-one');
  await all.fleet.redis.kill();
  await new Promise(resolve => setTimeout(resolve, 15_000));
  await all.fleet.redis.begin();
  const results = await finish(t, all);
  t.log(results.map(({ duration }) => `${(duration / 1000).toFixed(1)} s`).join(', '));
});
