// Comparison of incremental builds with pristine ones: by --verify, and by --watch when it is idle.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from '../../src/builder/build.ts';
import type { BuildEvent } from '../../src/builder/events.ts';
import { createFirmwareCacheService } from '../../src/builder/output/firmware.ts';
import { OutputDirectory } from '../../src/builder/output/output.ts';
import { planBuild } from '../../src/builder/plan.ts';
import { isTurnedOff } from '../../src/builder/toolchains/incremental-switch.ts';
import { verifyTargets } from '../../src/builder/verify.ts';
import { watchBuild } from '../../src/builder/watch/watch.ts';
import { createUserConfig } from '../../src/config/index.ts';
import type { IncrementalMode } from '../../src/config/toolchain-options.ts';
import { eventually } from '../support/eventually.ts';
import { isFull } from '../support/extent.ts';
import { type ObjectBench, objectBench, whole, whyNot } from './precise-objects/bench.ts';
import { configFiles, firstConfig } from './precise-objects/editor.ts';
import { WatchedEvents } from './watch/watched-events.ts';

const serial = whyNot() === undefined && isFull ? test.serial : test.serial.skip;
const UF2 = 'firmware/corne_left-nice_nano_v2-zmk.uf2';

/** @param incremental undefined: as by default */
async function project(t: ExecutionContext, incremental?: IncrementalMode) {
  t.timeout(300_000);
  const bench = await objectBench(t);
  const config = firstConfig();
  const press = (key: string) => {
    config.layers[0]!.keys[0] = key;
    bench.write({ ...configFiles(config), 'build.yaml': 'board: [nice_nano_v2]\nshield: [corne_left]\n' });
  };
  press('&kp 1');
  const { machine, configDirectory } = bench;
  const options = {
    ...{ configDirectory, workspace: machine.workspace, toolchain: 'west' as const },
    ...{
      cacheRoot: machine.cacheRoot,
      userConfig: createUserConfig(incremental === undefined ? {} : { build: { incremental } }),
    },
  };
  const output = path.join(configDirectory, UF2);
  const isPristine = async () => whole(await bench.pristine())['left.uf2'] === readFileSync(output, 'latin1');
  return { bench, options, press, output, isPristine };
}

/** Makes the record wrong: as if the compiler had not told that the keymap uses its keys. */
async function spoilRecord({ machine }: ObjectBench): Promise<void> {
  const west = path.join(machine.cacheRoot, 'west');
  const station = readdirSync(west).find(name => /^[0-9a-f]{16}$/.test(name))!;
  const file = path.join(west, station, 'macros.json');
  await eventually(() => existsSync(file));
  const records = JSON.parse(readFileSync(file, 'utf8'));
  for (const record of records.objects) if (/keymap/.test(record[0])) record[2] = [];
  writeFileSync(file, JSON.stringify(records));
}

serial('an idle --watch finds firmware that differs, replaces it, and warns once', async t => {
  const { bench, options, press, isPristine } = await project(t);
  const stop = new AbortController();
  const watched = new WatchedEvents(onEvent => watchBuild({ ...options, signal: stop.signal, onEvent }));
  t.teardown(() => {
    stop.abort();
    return watched.done.catch(() => {});
  });
  await watched.next('watch-waiting');
  await spoilRecord(bench);
  press('&kp 2');
  t.like(await watched.next('target-path'), { path: { kind: 'incremental' } });
  const { different } = await watched.next('target-verified');
  t.true(different.includes('corne_left-nice_nano_v2-zmk.uf2'));
  const { message } = await watched.next('warning');
  t.regex(message, /It was replaced\. Incremental builds are off from now on; remove .*incremental-off/);
  t.true(await isPristine());
  press('&kp 3');
  t.deepEqual((await watched.next('target-path')).path, { kind: 'pristine', why: undefined });
  await watched.next('watch-waiting');
  t.true(await isPristine());
  stop.abort();
  await watched.done;
  t.is(watched.events.filter(event => event.type === 'target-verified').length, 1);
});

serial('a file that is saved between a build and its comparison does not count as a difference', async t => {
  const { bench, options, press } = await project(t, 'always');
  const events: BuildEvent[] = [];
  const run = (onFinished: () => void) =>
    build({
      ...{ ...options, verify: true },
      onEvent: event => {
        events.push(event);
        if (event.type === 'target-finished') onFinished();
      },
    });
  t.is((await run(() => {})).different, 0);
  press('&kp 2');
  events.length = 0;
  t.is((await run(() => press('&kp 3'))).different, 0);
  t.true(
    events.some(event => event.type === 'warning' && /inputs changed after it was built/.test(event.message)),
  );
  t.false(isTurnedOff(bench.machine.cacheRoot));
});

serial('firmware of another machine that differs is replaced, and incremental builds stay on', async t => {
  const { bench, options, output, isPristine } = await project(t, 'always');
  let fingerprint: string | undefined;
  await build({
    ...options,
    onEvent: event => {
      if (event.type === 'target-finished') fingerprint = event.fingerprint;
    },
  });
  writeFileSync(output, 'of another machine');
  const plan = await planBuild({ ...options, onEvent: () => {} });
  const directory = await OutputDirectory.open(plan.outputDirectory);
  const told: unknown[] = [];
  const [target] = plan.targets;
  const files = readdirSync(plan.outputDirectory).map(name => path.join(plan.outputDirectory, name));
  const own = files.filter(file => file.includes('corne_left'));
  await verifyTargets(
    plan,
    [{ target: target!.artifactName, files: own, fingerprint, mayBeIncremental: false }],
    {
      ...{ output: directory, signal: new AbortController().signal, onOutput: () => {} },
      firmware: createFirmwareCacheService(plan.userConfig, plan.cacheOptions),
      onVerified: (...result) => void told.push(result),
    },
  );
  await directory.close();
  const what = 'corne_left-nice_nano_v2-zmk differs from a pristine build: corne_left-nice_nano_v2-zmk.uf2.';
  t.deepEqual(told, [
    ['corne_left-nice_nano_v2-zmk', ['corne_left-nice_nano_v2-zmk.uf2'], `${what} It was replaced.`],
  ]);
  t.true(await isPristine());
  t.false(isTurnedOff(bench.machine.cacheRoot));
});
