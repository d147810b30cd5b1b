// Agents that build in containers: an image and a workspace decide what they can build.
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { TestServer } from '../../cache/remote/server.ts';
import { isFull } from '../../support/extent.ts';
import { containerMachine, IMAGE, startEngine, stopEngine } from '../container-rig/container-rig.ts';
import { say } from '../toolchains/container-project.ts';
import type { WestMachine } from '../west-rig/west-rig.ts';
import { createUpstream } from '../workspace/upstream.ts';
import { NO_REDIS } from './redis.ts';
import { built, Fleet, type Machine } from './rig.ts';

// A container engine and several programs for each test: in CI.
const isRun = isFull && NO_REDIS === undefined;
const withQueue = isRun ? test.serial : test.serial.skip;

test.before(async () => void (isRun && (await startEngine())));
test.after.always(stopEngine);

/** Gives a machine its own checkout of a west config, and its own copy of the workspace. */
function settle(machine: Machine, west: WestMachine, image = IMAGE): string {
  const own = machine.settle(west, `toolchains: { container: { image: '${image}' } }`);
  machine.edit('glovebox.config.yaml', text => text.replace('build: {', 'build: { toolchain: container,'));
  return own;
}

withQueue('agents build only in containers of the same image and revisions', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 0, seconds: 0 });
  t.teardown(() => fleet.stop());
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, 'echo "building here"; leave_records');
  const west = `${readFileSync(new URL('../container-rig/west.sh', import.meta.url), 'utf8')}\n# another\n`;
  await engine.makeImage('glovebox-test/other:1', { west });

  const hosts = ['other-image', 'other-revision', 'same'].map(name =>
    fleet.machine(name, engine.environment),
  );
  const [otherImage, otherRevision, same] = hosts as [Machine, Machine, Machine];
  settle(otherImage, machine, 'glovebox-test/other:1');
  const moved = settle(otherRevision, machine);
  writeFileSync(path.join(moved, 'zmk/app/src/main.c'), 'int main(void) { return 1; }');
  settle(same, machine);
  const alice = fleet.machine('alice', engine.environment);
  settle(alice, machine);
  const reference = fleet.machine('reference', engine.environment);
  settle(reference, machine);

  const nevers = await Promise.all(
    [otherImage, otherRevision].map(host => host.agent(1, '--accept', 'container')),
  );
  const alone = await built(alice.build());
  t.like(alone, { status: 0, compiled: 2, failed: 0, agents: 0 });
  t.regex(alone.warnings.join('\n'), /^No agent on the queue .* can build this \(container .*\)\./m);

  const able = await same.agent(1, '--accept', 'container');
  alice.write('config/corne.keymap', '/ { keymap { b; }; };\n');
  reference.write('config/corne.keymap', '/ { keymap { b; }; };\n');
  const program = alice.build();
  const result = await built(program);
  t.like(result, { status: 0, compiled: 2, failed: 0 });
  t.deepEqual(
    result.warnings.filter(warning => /agent/.test(warning)),
    [],
  );
  t.true(result.agents > 0, JSON.stringify(result.ends));
  t.like(await built(reference.build('--no-agents', '--no-cache')), { status: 0, compiled: 2 });
  t.deepEqual(alice.firmware, reference.firmware);
  t.deepEqual(engine.docker('ps', '--all', '--quiet'), '');
  const takers = await fleet.takers();
  t.true(takers.includes('same'), takers.join());
  t.false(
    takers.some(taker => taker.startsWith('other')),
    takers.join(),
  );
  for (const never of nevers) t.false(never.events.some(event => event.type === 'job-taken'));
  for (const agent of [able, ...nevers]) {
    agent.kill('SIGTERM');
    t.is(await agent.status(), 0);
  }
});

withQueue(
  'an agent makes the workspace of a build once, follows its updates, and reports what it does',
  async t => {
    const { url } = await TestServer.start(t);
    const fleet = await Fleet.start({ remote: url, targets: 0, seconds: 0 });
    t.teardown(() => fleet.stop());
    const upstream = await createUpstream(t);
    await upstream.push('zmk', { 'app/src/main.c': 'int main(void) { return 0; }\n', 'app/Kconfig': '\n' });
    const found = await containerMachine(t);
    if (!found) return;
    const { engine } = found;
    const environment = { ...engine.environment, PATH: `${upstream.env.PATH}:${process.env.PATH}` };
    const machines = ['agent', 'late', 'alice'].map(name => fleet.machine(name, environment));
    const [host, late, alice] = machines as [Machine, Machine, Machine];
    for (const { checkout } of machines) {
      rmSync(checkout, { recursive: true });
      cpSync(upstream.config, checkout, { recursive: true });
      writeFileSync(path.join(checkout, 'build.yaml'), 'board: [nice_nano_v2]\nshield: [one, two, three]\n');
      writeFileSync(
        path.join(checkout, 'glovebox.config.yaml'),
        `toolchains: { container: { image: '${IMAGE}' } }\nbuild: { toolchain: container }\n`,
      );
    }
    /** Builds a keymap; each target takes long enough for an agent to make its workspace meanwhile. */
    const build = async (keymap: string) => {
      alice.write('config/corne.keymap', `/ { keymap { ${keymap}; }; };\n`);
      alice.write('config/west.sh', 'leave_records; sleep 6');
      const program = alice.build();
      const result = await built(program);
      t.like(result, { status: 0, compiled: 3, failed: 0 }, result.failures.join('\n'));
      const about = result.warnings.filter(warning => /agent/.test(warning));
      const texts = program.events.flatMap(event => (event.type === 'target-preparing' ? event.text : []));
      return { ...result, about, texts };
    };
    const workspace = async (word: string) => {
      const made = alice.program(['workspace', word, '--json']);
      t.is(await made.status(), 0, made.errors);
    };
    // The agents are not told of any workspace: west.yml comes with the job.
    for (const { checkout } of [host, late]) rmSync(path.join(checkout, 'config'), { recursive: true });
    await workspace('create');
    const agent = await host.agent(2, '--accept', 'container');
    const first = await build('a');
    t.deepEqual(first.about, []);
    t.true(first.agents > 0, JSON.stringify(first.ends));
    t.true(first.texts.includes('making the workspace for config/west.yml, once'), first.texts.join('\n'));
    t.is(readdirSync(path.join(host.home, '.cache/glovebox/compilation/workspaces/made')).length, 1);

    await upstream.push('zmk', { 'app/src/main.c': 'int main(void) { return 1; }\n' });
    await workspace('update');
    const second = await build('b');
    t.deepEqual(second.about, []);
    t.true(second.agents > 0, JSON.stringify(second.ends));
    t.true(
      second.texts.includes('updating the workspace for config/west.yml, once'),
      second.texts.join('\n'),
    );
    t.false(agent.events.some(event => event.type === 'job-ended' && event.end === 'refused'));
    agent.kill('SIGTERM');
    t.is(await agent.status(), 0);

    // An agent that comes later makes a newer revision. It says so, and never has a job.
    await upstream.push('zmk', { 'app/src/main.c': 'int main(void) { return 2; }\n' });
    const never = await late.agent(2, '--accept', 'container');
    const third = await build('c');
    t.is(third.agents, 0);
    t.deepEqual(third.about, [
      'The agent late takes none of these targets: its workspace for config/west.yml is not in the state of yours: another revision, or local changes.',
    ]);
    t.false((await fleet.takers()).includes('late'));
    t.false(never.events.some(event => event.type === 'job-taken'));
    never.kill('SIGTERM');
    t.is(await never.status(), 0);
  },
);

withQueue('a lost image is reported as trouble of the agent, and the target is built here', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 0, seconds: 0 });
  t.teardown(() => fleet.stop());
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, 'leave_records');
  const [host, alice] = ['agent', 'alice'].map(name => fleet.machine(name, engine.environment)) as [
    Machine,
    Machine,
  ];
  await engine.makeImage('glovebox-test/lost:1', {
    west: `${readFileSync(new URL('../container-rig/west.sh', import.meta.url), 'utf8')}\n# lost\n`,
  });
  settle(host, machine, 'glovebox-test/lost:1');
  settle(alice, machine, 'glovebox-test/lost:1');
  const agent = await host.agent(1, '--accept', 'container');
  const program = alice.build();
  await program.event(event => event.type === 'build-started');
  engine.docker('rmi', '--force', 'glovebox-test/lost:1');
  const result = await built(program);
  t.is(result.failed, 2, 'the image is gone here, too');
  t.true(
    result.warnings.some(warning =>
      /^The agent agent did not build .*: The image glovebox-test\/lost:1 is not on this machine any more\./.test(
        warning,
      ),
    ),
    result.warnings.join('\n'),
  );
  t.true(agent.events.some(event => event.type === 'agent-resting'));
});
