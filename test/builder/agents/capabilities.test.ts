// Which jobs an agent takes: those for its own compiler and workspace. Another one never even has them for a moment.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { TestServer } from '../../cache/remote/server.ts';
import { isFull } from '../../support/extent.ts';
import { createWestMachine, WEST_VERSIONS } from '../west-rig/west-rig.ts';
import { NO_REDIS } from './redis.ts';
import { built, Fleet, type Machine } from './rig.ts';

const withQueue = NO_REDIS === undefined ? test.serial : test.serial.skip;
// Several programs for each test: in CI.
const withMore = isFull ? withQueue : test.serial.skip;

/** The firmware, without the files for debuggers, which name the directories of a build. */
function flashed({ firmware }: Machine): Record<string, string> {
  return Object.fromEntries(Object.entries(firmware).filter(([name]) => !name.endsWith('.elf')));
}

withQueue('an agent with another command never takes a job', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 3, seconds: 0 });
  t.teardown(() => fleet.stop());
  const [other, same, alice] = ['other', 'same', 'alice'].map(name => fleet.machine(name)) as Machine[];
  other!.edit('glovebox.config.yaml', text => text.replace('[compile.sh,', '[-e, compile.sh,'));
  const [never, able] = await Promise.all([other!.agent(3), same!.agent(3)]);
  t.like(await built(alice!.build()), { status: 0, compiled: 3, failed: 0, warnings: [] });
  const takers = await fleet.takers();
  t.true(takers.includes('same'), takers.join());
  t.false(takers.includes('other'), takers.join());
  t.false(never.events.some(({ type }) => type === 'job-taken'));
  t.true(able.events.some(({ type }) => type === 'job-taken'));
});

withMore('an agent with another compiler or workspace never takes a job of west', async t => {
  const { url } = await TestServer.start(t);
  const fleet = await Fleet.start({ remote: url, targets: 0, seconds: 0 });
  t.teardown(() => fleet.stop());
  const [usual, newer] = await Promise.all([0, 1].map(() => createWestMachine(t, { onRun: 'build' })));
  newer!.setVersion('arm-none-eabi-gcc', WEST_VERSIONS['arm-none-eabi-gcc']!.replaceAll('12.2', '13.2'));
  const of = (name: string, machine = usual!) => {
    const one = fleet.machine(name, { PATH: machine.environment.PATH! });
    const workspace = one.settle(usual!, 'toolchains: { west: {} }\nremote: { share: [west] }');
    one.edit('glovebox.config.yaml', text => text.replace('build: {', 'build: { toolchain: west,'));
    return { machine: one, workspace };
  };
  const [compiler, revision, same, alice, reference] = [
    of('other-compiler', newer!),
    of('other-revision'),
    of('same'),
    of('alice'),
    of('reference'),
  ];
  writeFileSync(path.join(revision.workspace, 'zmk/app/src/main.c'), 'int main(void) { return 1; }\n');
  const nevers = await Promise.all(
    [compiler, revision].map(({ machine }) => machine.agent(2, '--accept', 'west')),
  );
  const alone = await built(alice.machine.build());
  t.like(alone, { status: 0, compiled: 2, failed: 0, agents: 0 });
  t.is(alone.warnings.length, 1, alone.warnings.join('\n'));
  t.regex(
    alone.warnings[0]!,
    /^No agent on the queue .* can build this \(west, .*\)\. Everything is compiled here\.$/,
  );

  const able = await same.machine.agent(2, '--accept', 'west');
  for (const { machine } of [alice, reference]) machine.write('config/corne.conf', 'CONFIG_ZMK_SLEEP=n\n');
  const result = await built(alice.machine.build());
  t.like(result, { status: 0, compiled: 2, failed: 0, warnings: [] });
  t.true(result.agents > 0, JSON.stringify(result.ends));
  const takers = await fleet.takers();
  t.true(takers.includes('same'), takers.join());
  t.false(
    takers.some(taker => taker.startsWith('other')),
    takers.join(),
  );
  for (const never of nevers) t.false(never.events.some(({ type }) => type === 'job-taken'));
  t.true(able.events.some(({ type }) => type === 'job-taken'));
  t.like(await built(reference.machine.build('--no-agents', '--no-cache')), { status: 0, compiled: 2 });
  t.deepEqual(flashed(alice.machine), flashed(reference.machine));

  // What changes under a running agent is found by the digest of the base. It serves another queue then.
  writeFileSync(path.join(same.workspace, 'zmk/app/src/main.c'), 'int main(void) { return 2; }\n');
  alice.machine.write('config/corne.conf', 'CONFIG_ZMK_SLEEP=y\n# again\n');
  const refused = await built(alice.machine.build());
  t.like(refused, { status: 0, compiled: 2, failed: 0, agents: 0 });
  t.true(refused.warnings.length > 0);
  for (const warning of refused.warnings) {
    t.regex(
      warning,
      /^The agent same did not build corne_\w+-nice_nano_v2-zmk: its tools, image, workspace or variables are not those of this build\. It is compiled here\.$/,
    );
  }
  await able.event(event => event.type === 'queue-declined' && /its workspace has changed/.test(event.why));
});
