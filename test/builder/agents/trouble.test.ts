// Trouble of agents and of builds: full disks, and jobs that no build waits for any more.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { TestServer } from '../../cache/remote/server.ts';
import { eventually } from '../../support/eventually.ts';
import { isFull } from '../../support/extent.ts';
import { mountFileSystem } from '../file-system.ts';
import { NO_REDIS } from './redis.ts';
import { built, compilersBelow, Fleet } from './rig.ts';

const withQueue = NO_REDIS === undefined ? test.serial : test.serial.skip;
// Mostly waiting: for agents that rest, and for answers that do not come.
const withTime = isFull ? withQueue : test.serial.skip;

withTime(
  'a full disk of an agent is reported to the build, and the agent goes on when there is space',
  async t => {
    const { url } = await TestServer.start(t);
    const fleet = await Fleet.start({ remote: url, targets: 2, seconds: 'go' });
    t.teardown(() => fleet.stop());
    const host = fleet.machine('agent-one');
    const disk = mountFileSystem(t, path.join(host.home, 'disk'), { kibibytes: 16 * 1024 });
    if (disk === undefined) return;
    const agent = await host.agent(1, '--cache-dir', path.join(disk.path, 'cache'));
    disk.fill();
    const alice = fleet.machine('alice');
    const program = alice.build();
    await program.event(event => event.type === 'warning');
    fleet.go();
    const result = await built(program);
    t.like(result, { status: 0, compiled: 2, failed: 0, agents: 0 });
    t.regex(
      result.warnings.join('\n'),
      /^The agent agent-one did not build key\d: no space is left on its disk\. Another one may take it\.$/m,
    );
    const resting = await agent.event(({ type }) => type === 'agent-resting');
    t.like(resting, { why: 'no space is left on its disk' });

    disk.empty();
    rmSync(path.join(fleet.root, 'runs.go'));
    for (const name of fleet.names) alice.write(`config/${name}.h`, 'other\n');
    const again = alice.build();
    await again.event(event => event.type === 'target-compiling' && event.agent === 'agent-one');
    fleet.go();
    const recovered = await built(again);
    t.like(recovered, { status: 0, compiled: 2, agents: 1 }, recovered.warnings.join());
  },
);

withQueue('a queue that is lost while a build connects is not waited for, and the build ends', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 1, seconds: 0 });
  t.teardown(() => fleet.stop());
  await fleet.machine('agent-one').agent(1);
  // Lets one connection through, which works on.
  const { port } = new URL(fleet.redis.url);
  let connections = 0;
  const proxy = createServer(socket => {
    socket.on('error', () => {});
    if (connections++ > 0) return void socket.destroy();
    const onwards = connect(Number(port), '127.0.0.1').on('error', () => {});
    socket.pipe(onwards).pipe(socket);
    t.teardown(() => socket.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => proxy.close());
  const address = `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const result = await built(fleet.machine('alice', { GLOVEBOX_QUEUE: address }).build());
  t.like(result, { status: 0, compiled: 1, agents: 0 });
  t.true(connections > 1);
  t.regex(result.warnings.join('\n'), /^The queue \S+ cannot be used: .*\. Everything is compiled here\.$/);
});

withTime('a build whose queue is lost for good ends without it', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 4, seconds: 'go' });
  t.teardown(() => fleet.stop());
  const agent = await fleet.machine('agent-one').agent(1);
  const alice = fleet.machine('alice');
  const program = alice.build();
  await program.event(event => event.type === 'target-compiling' && event.agent === 'agent-one');
  await fleet.redis.kill();
  fleet.go();
  const result = await built(program);
  t.like(result, { status: 0, compiled: 4, failed: 0 });
  t.regex(result.warnings.join('\n'), /does not answer any more, so the rest is compiled here\.$/m);
  t.deepEqual(Object.keys(alice.firmware).length, 4);
  agent.kill('SIGTERM');
  t.is(await agent.status(), 0);
});

withTime('jobs of a killed build are dropped, even those that an agent has begun', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 4, seconds: 'go' });
  t.teardown(() => fleet.stop());
  const agent = await fleet.machine('agent-one').agent(1);
  const build = fleet.machine('alice').build();
  const begun = await Promise.all(
    ['agent-one', undefined].map(agent =>
      build.event(event => event.type === 'target-compiling' && event.agent === agent),
    ),
  );
  await eventually(
    () => fleet.runs.length === 2,
    () => fleet.runs,
  );
  build.kill('SIGKILL');
  const ends = () => agent.events.flatMap(event => (event.type === 'job-ended' ? [event.end] : []));
  await eventually(() => ends().length === 4, ends);
  t.deepEqual(ends(), ['abandoned', 'abandoned', 'abandoned', 'abandoned']);
  await eventually(async () => (await fleet.queue()).running.length === 0);
  t.is((await fleet.queue()).waiting, 0);
  // What the agent and the build had begun, and nothing else.
  t.deepEqual(
    fleet.runs.map(run => run.split(' ')[0]).sort(),
    begun.map(event => (event.type === 'target-compiling' ? event.target : '')).sort(),
  );
  const ofAgent = path.join(fleet.root, 'agent-one');
  await eventually(() => compilersBelow(ofAgent).length === 0);
  fleet.go();
});
