import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type BuildEvent, build } from '../../../src/builder/index.ts';
import { chooseToolchain, examineToolchain } from '../../../src/builder/toolchains/choice.ts';
import { runContainer } from '../../../src/builder/toolchains/container/run.ts';
import { createToolchain } from '../../../src/builder/toolchains/index.ts';
import { resetSharedCacheInstances } from '../../../src/registry.ts';
import { inFull } from '../../support/extent.ts';
import { containerMachine, IMAGE, startEngine, stopEngine } from '../container-rig/container-rig.ts';
import { containers, DOCKER, jobFor, orderFor, question, say } from './container-project.ts';
import { writeRecords } from './observed/records.ts';
import { writeFiles } from './observed/workspace.ts';
import { compileZmk } from './observed/zmk.ts';
import { contents, picture, target } from './west-project.ts';

test.before(async () => void (await startEngine()));
test.after.always(stopEngine);

test.serial('the container is the first choice when there is a workspace and no west', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  const description = await chooseToolchain(question(machine));
  const digest = engine.docker('image', 'inspect', '--format', '{{.Id}}', IMAGE);
  t.like(description, { kind: 'container', workspace: machine.workspace, image: digest });
  const finding = await examineToolchain('container', question(machine));
  t.regex(finding.detail, /^docker \d+\.\S+, image glovebox-test\/zmk:1, workspace /);
});

test.serial('firmware is made in a container, which leaves nothing behind', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, 'pwd; id -u; env; ls / 2>&1');
  const before = [...picture(machine.workspace), ...picture(machine.config)];
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const lines: string[] = [];
  const outcome = await toolchain.compile(jobFor(machine, { onOutput: line => lines.push(line) }));
  const main = readFileSync(path.join(machine.workspace, 'zmk/app/src/main.c'), 'utf8');
  t.deepEqual(contents(t, outcome), {
    'left.uf2': `#include <behaviors.dtsi>\n/ { keymap { a; }; };\n${main}`,
  });
  // Paths are reported as they are on this machine.
  t.is(lines[0], machine.workspace);
  t.is(lines[1], String(process.getuid?.()));
  t.is(lines.at(-1), 'Building corne_left for nice_nano_v2');
  t.true(lines.includes('CMAKE_BUILD_PARALLEL_LEVEL=3'));
  t.true(lines.includes(`ZEPHYR_BASE=${machine.workspace}/zephyr`));
  t.is(readFileSync(path.join(machine.root, 'log'), 'utf8'), `${lines.join('\n')}\n`);
  t.is(containers(engine), '');
  t.deepEqual([...picture(machine.workspace), ...picture(machine.config)], before);
});

inFull(
  'only selected environment variables reach the container, and they are part of the identity',
  async t => {
    const found = await containerMachine(t);
    if (!found) return;
    const { machine } = found;
    machine.use(t, { CFLAGS: '-O0', PYTHONHASHSEED: 'random', LAYERS: 'four; "5"\n6' });
    say(machine, 'echo "<$CFLAGS|$PYTHONHASHSEED|$LAYERS>"');
    const options = { container: { environment: ['LAYERS'] } };
    const toolchain = createToolchain(await chooseToolchain(question(machine, options)));
    const lines: string[] = [];
    contents(t, await toolchain.compile(jobFor(machine, { onOutput: line => lines.push(line) })));
    t.deepEqual(lines.slice(0, 2), ['<|0|four; "5"', '6>']);
    t.like(await toolchain.identity(target), { environment: { LAYERS: 'four; "5"\n6' } });
  },
);

test.serial('a failing compiler has its exit status, and its output in the log', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, 'echo error: no such key; exit 3');
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const outcome = await toolchain.compile(jobFor(machine));
  t.like(outcome, { ok: false, reason: 'exit-status', exitCode: 3, lastLines: ['error: no such key'] });
  t.is(containers(engine), '');
});

inFull('a compiler that runs out of memory is reported as killed', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine } = found;
  say(machine, 'kill -9 $$');
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const outcome = await toolchain.compile(jobFor(machine));
  t.like(outcome, { ok: false, reason: 'killed' });
});

test.serial('cancelling ends the container itself, even when its program resists', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, "trap '' TERM INT HUP; echo deaf; while true; do sleep 1; done");
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const cancellation = new AbortController();
  const groups = new Set<number>();
  const outcome = await toolchain.compile(
    jobFor(machine, {
      signal: cancellation.signal,
      onProcess: (event, group) => void (event === 'started' ? groups.add(group) : groups.delete(group)),
      onOutput: line => {
        if (line !== 'deaf') return;
        t.not(containers(engine), '');
        cancellation.abort();
      },
    }),
  );
  t.like(outcome, { ok: false, reason: 'cancelled', lastLines: ['deaf'] });
  t.is(containers(engine), '');
  t.is(groups.size, 0);
});

inFull('cancelling while the container is being created or started leaves none', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  await toolchain.identity(target);
  say(machine, 'sleep 60');
  const early = new AbortController();
  const compiling = toolchain.compile(jobFor(machine, { signal: early.signal }));
  early.abort();
  t.like(await compiling, { reason: 'cancelled' });
  const digest = engine.docker('image', 'inspect', '--format', '{{.Id}}', IMAGE);
  for (const moment of ['made', 'started'] as const) {
    const cancellation = new AbortController();
    const running = runContainer(
      DOCKER,
      orderFor(machine, digest, 'sleep 60'),
      jobFor(machine, {
        signal: cancellation.signal,
        onProcess: event => {
          if (moment === 'started' && event === 'started') cancellation.abort();
        },
      }),
    );
    if (moment === 'made') cancellation.abort();
    t.like(await running, { reason: 'cancelled' });
    t.is(containers(engine), '');
  }
});

test.serial('files that a container writes belong to the user who started the build', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  const digest = engine.docker('image', 'inspect', '--format', '{{.Id}}', IMAGE);
  const place = path.join(machine.root, 'theirs');
  mkdirSync(place);
  chownSync(place, 1234, 1235);
  chmodSync(machine.root, 0o755);
  const order = orderFor(machine, digest, 'mkdir made && touch made/file');
  const ran = await runContainer(
    DOCKER,
    {
      ...order,
      ...{ user: { uid: 1234, gid: 1235 }, workingDirectory: place },
      mounts: [{ directory: place, target: place, writable: true }],
    },
    jobFor(machine),
  );
  t.true(ran.ok, ran.lastLines.join('\n'));
  for (const made of ['made', 'made/file']) {
    const { uid, gid } = statSync(path.join(place, made));
    t.deepEqual([uid, gid], [1234, 1235]);
  }
});

test.serial('config and workspace are read-only, and the rest of the machine is not visible', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine } = found;
  machine.write('zephyr/module.yml', 'build: {}\n');
  say(
    machine,
    `for place in /glovebox/config "$config" zmk/app .; do touch "$place/new" && echo "wrote $place"; done
     cat "${machine.root}/bin/git" > /dev/null && echo sees git; echo done`,
  );
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const lines: string[] = [];
  contents(t, await toolchain.compile(jobFor(machine, { onOutput: line => lines.push(line) })));
  t.is(lines.filter(line => /Read-only file system/.test(line)).length, 4, lines.join('\n'));
  // Lines of stdout come in order; lines of stderr may come after them.
  const printed = lines.filter(line => line === 'done' || line.startsWith('Building'));
  t.deepEqual(printed, ['done', 'Building corne_left for nice_nano_v2']);
  t.false(lines.some(line => line.startsWith('wrote') || line === 'sees git'));
});

inFull('a container sees the same paths and arguments, wherever things are on the machine', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  say(machine, 'cat() { echo "$PWD $build $config $facts $HOME"; }');
  const sees = async (more: Partial<Parameters<typeof chooseToolchain>[0]> = {}) => {
    const toolchain = createToolchain(await chooseToolchain({ ...question(machine), ...more }));
    const outcome = await toolchain.compile(jobFor(machine));
    const identity = JSON.stringify(await toolchain.identity(target));
    return { identity, firmware: contents(t, outcome)['left.uf2'] };
  };
  const here = await sees();
  t.regex(
    here.firmware!,
    /^\/glovebox\/workspace \/glovebox\/build\/build \/glovebox\/config\/config \/glovebox\/user-cache \/glovebox\/build\/tmp\n/,
  );
  t.false(here.identity.includes(machine.root));
  // Another user has another home, and other directories.
  const other = path.join(machine.root, 'home of another');
  cpSync(machine.config, path.join(other, 'corne'), { recursive: true });
  cpSync(machine.workspace, path.join(other, 'zmk'), { recursive: true });
  machine.use(t, { HOME: other, USER: 'another', PATH: `/nowhere:${process.env.PATH}` });
  const there = await sees({
    ...{ configDirectory: path.join(other, 'corne'), workspace: path.join(other, 'zmk') },
    ...{ outputDirectory: path.join(other, 'firmware'), cacheRoot: path.join(other, 'cache') },
  });
  t.deepEqual(there, here);
  await engine.makeImage('glovebox-test/another:1', { west: '#!/bin/sh\n' });
  const images = [IMAGE, 'glovebox-test/another:1'].map(async image => {
    const description = await chooseToolchain(question(machine, {}, image));
    return JSON.stringify(await createToolchain(description).identity(target));
  });
  const [same, another] = await Promise.all(images);
  t.is(same, here.identity);
  t.not(another, here.identity);
});

inFull('files read in the container are known by their paths on this machine', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine } = found;
  const { workspace } = machine;
  // As a module, because then a copy of the keymaps is read.
  machine.write('zephyr/module.yml', 'build: {}\n');
  say(machine, 'echo "$build"; echo "$config"; [ -d records ] && cp -r records/. "$build"');
  machine.change('records/none', '');
  const toolchain = createToolchain(await chooseToolchain(question(machine)));
  const lines: string[] = [];
  const first = await toolchain.compile(jobFor(machine, { onOutput: line => lines.push(line) }));
  t.is(first.ok && first.observed, undefined);
  // It is built in the same directory again, so the files to be read there can be recorded.
  const [place, config] = lines as [string, string];
  cpSync(path.join(machine.config, 'config'), config, { recursive: true });
  const shield = { board: 'nice_nano_v2', shield: 'corne_left' };
  const { records } = compileZmk({ ...shield, workspace, config, modules: [machine.config] });
  records.cmake.push('/usr/share/cmake-3.25/Modules/FindGit.cmake');
  writeRecords(place, records);
  rmSync(path.join(workspace, 'records'), { recursive: true });
  renameSync(place, path.join(workspace, 'records'));
  const again = await toolchain.compile(jobFor(machine));
  const files = again.ok ? (again.observed?.files ?? []) : [];
  t.true(files.includes(`${machine.config}/config/corne.keymap`), files.join('\n'));
  t.deepEqual(
    files.filter(file => !file.startsWith(machine.config)),
    [],
  );
});

inFull('the targets of links in the config are visible in a container, and count as inputs', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine } = found;
  const shared = path.join(machine.root, 'dots/shared');
  writeFiles(shared, { 'base.dtsi': '/ { base; };\n' });
  symlinkSync('../../dots/shared', path.join(machine.config, 'config/shared'));
  for (const module of ['', 'build: {}\n']) {
    if (module !== '') machine.write('zephyr/module.yml', module);
    say(machine, 'cat "$config/shared/base.dtsi"; leave_records "$config/shared/base.dtsi"');
    const toolchain = createToolchain(await chooseToolchain(question(machine)));
    const lines: string[] = [];
    const outcome = await toolchain.compile(jobFor(machine, { onOutput: line => lines.push(line) }));
    t.true(lines.includes('/ { base; };'), lines.join('\n'));
    const files = outcome.ok ? (outcome.observed?.files ?? []) : [];
    t.true(files.includes(path.join(machine.config, 'config/shared/base.dtsi')), files.join('\n'));
    const declared = await toolchain.declaredInputs();
    t.true(declared.includes(path.join(machine.config, 'config/shared/base.dtsi')));
  }
});

test.serial(
  'a missing image is not pulled without being asked for, and the message says how to get it',
  async t => {
    const found = await containerMachine(t);
    if (!found) return;
    const { machine, engine } = found;
    // Nothing listens on this port.
    const nowhere = question(machine, {}, 'localhost:1/none/zmk:1');
    t.like(await examineToolchain('container', nowhere), {
      works: false,
      detail: 'docker works, but the image localhost:1/none/zmk:1 is not on this machine',
      remedy: 'Get it: docker pull localhost:1/none/zmk:1',
    });
    const told: string[] = [];
    const asking = chooseToolchain({ ...nowhere, onPull: message => told.push(message) });
    await t.throwsAsync(asking, {
      code: 'GLOVEBOX_TOOLCHAIN',
      message:
        /image localhost:1\/none\/zmk:1 could not be pulled: .*refused.*docker pull localhost:1\/none\/zmk:1/,
    });
    t.deepEqual(told, [
      'The image localhost:1/none/zmk:1 is not on this machine: pulling it with docker, once.',
    ]);
    // An image that is removed after it was found.
    await engine.makeImage('glovebox-test/short-lived:1', { other: 'echo' });
    const description = await chooseToolchain(question(machine, {}, 'glovebox-test/short-lived:1'));
    engine.docker('rmi', 'glovebox-test/short-lived:1');
    t.like(await createToolchain(description).compile(jobFor(machine)), {
      ok: false,
      reason: 'cannot-start',
      message:
        'The image glovebox-test/short-lived:1 is not on this machine any more. Get it: docker pull glovebox-test/short-lived:1',
    });
  },
);

inFull('an image without west, and a path that the container cannot have, are reported', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  await engine.makeImage('glovebox-test/empty:1');
  const description = await chooseToolchain(question(machine, {}, 'glovebox-test/empty:1'));
  t.like(await createToolchain(description).compile(jobFor(machine)), {
    ok: false,
    reason: 'cannot-start',
    message:
      "There is no 'west' in the image glovebox-test/empty:1 that can be run. Name another in toolchains.container.image.",
  });
  const digest = engine.docker('image', 'inspect', '--format', '{{.Id}}', IMAGE);
  const missing = path.join(machine.root, 'missing');
  const mounts = [{ directory: missing, target: missing, writable: true }];
  const order = { ...orderFor(machine, digest, 'true'), mounts };
  const outcome = await runContainer(DOCKER, order, jobFor(machine));
  t.like(outcome, {
    ok: false,
    reason: 'cannot-start',
    message: `The container needs ${missing}, which does not exist.`,
  });
  t.false(existsSync(missing));
  t.is(containers(engine), '');
});

test.serial(
  'an unreachable daemon is reported when the toolchain is chosen, and when it is needed',
  async t => {
    const found = await containerMachine(t);
    if (!found) return;
    const { machine } = found;
    const description = await chooseToolchain(question(machine));
    machine.use(t, { DOCKER_HOST: `unix://${machine.root}/nobody.sock` });
    await t.throwsAsync(chooseToolchain(question(machine)), {
      code: 'GLOVEBOX_NO_TOOLCHAIN',
      message:
        /container: 'docker' does not work \(.*daemon.*\); there is no 'podman' in PATH\. Start docker's daemon/,
    });
    const outcome = await createToolchain(description).compile(jobFor(machine));
    t.like(outcome, { ok: false, reason: 'cannot-start' });
  },
);

inFull('a build compiles in containers, once, and again with a new image', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  t.teardown(resetSharedCacheInstances);
  machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left]\n');
  say(machine, 'leave_records');
  const image = 'glovebox-test/moving:1';
  const west = readFileSync(new URL('../container-rig/west.sh', import.meta.url), 'utf8');
  await engine.makeImage(image, { west });
  const why: string[] = [];
  const run = async (more: { dryRun?: boolean } = {}) => {
    const { userConfig, configDirectory, cacheRoot, workspace } = question(machine, {}, image);
    const onEvent = (event: BuildEvent) => {
      if (event.type === 'target-planned') why.push(...event.why);
    };
    return build({
      userConfig,
      configDirectory,
      cacheRoot,
      workspace,
      toolchain: 'container',
      onEvent,
      ...more,
    });
  };
  t.like(await run(), { compiled: 1, failed: 0 });
  t.like(await run(), { cached: 1, compiled: 0 });
  t.true(existsSync(path.join(machine.config, 'firmware/corne_left-nice_nano_v2-zmk.uf2')));
  await engine.makeImage(image, { west: `${west}echo newer >> "$build/zephyr/zmk.uf2"\n` });
  await run({ dryRun: true });
  t.deepEqual(why, ['new image digest']);
  t.like(await run(), { compiled: 1 });
  const uf2 = readFileSync(path.join(machine.config, 'firmware/corne_left-nice_nano_v2-zmk.uf2'), 'utf8');
  t.regex(uf2, /newer\n$/);
  t.is(containers(engine), '');
});
