// West and container toolchains with a remote cache between two machines: west runs the rig's programs, containers run
// where an engine can.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type BuildEvent, build } from '../../../src/builder/index.ts';
import { type ConfigValues, createUserConfig } from '../../../src/config/index.ts';
import { resetSharedCacheInstances } from '../../../src/registry.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { inFull } from '../../support/extent.ts';
import { containerMachine, IMAGE, startEngine, stopEngine } from '../container-rig/container-rig.ts';
import { say } from '../toolchains/container-project.ts';
import { compilerScript } from '../toolchains/observed/tools.ts';
import { createWestMachine, WEST_VERSIONS, type WestMachine } from '../west-rig/west-rig.ts';
import { CI_KEY } from './machine.ts';

test.before(async () => void (await startEngine()));
test.after.always(stopEngine);

// biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell replaces.
const TOOLS = '${0%/*}/../tools';

/** The root of everything that belongs to a machine's user. */
interface Place {
  config: string;
  workspace: string;
  cacheRoot: string;
  environment: Record<string, string>;
  /** Signs and uploads. */
  isWriter?: boolean;
}

/** Builds as a user does; resolves to the source of each target, and the reason why it was compiled. */
async function buildAs(
  t: ExecutionContext,
  url: string,
  { config, workspace, cacheRoot, environment, isWriter = false }: Place,
  toolchains: ConfigValues['toolchains'],
) {
  const before = { ...process.env };
  Object.assign(process.env, environment, isWriter ? { GLOVEBOX_SIGNING_KEY: CI_KEY.privateKey } : {});
  const events: BuildEvent[] = [];
  try {
    const summary = await build({
      ...{ configDirectory: config, workspace, cacheRoot },
      toolchain: toolchains?.container === undefined ? 'west' : 'container',
      userConfig: createUserConfig(
        {
          remote: {
            ...{ url, trust: [`${CI_KEY.publicKey} ci`], share: ['west', 'container'] },
            mode: isWriter ? 'read-write' : 'read',
          },
          ...(toolchains === undefined ? {} : { toolchains }),
        },
        { directory: config },
      ),
      onEvent: event => events.push(event),
    });
    const bound = events.flatMap(event => (event.type === 'target-finished' ? (event.bound ?? []) : []));
    const warnings = events.flatMap(event => (event.type === 'warning' ? event.message : []));
    const failures = events.flatMap(event => (event.type === 'target-failed' ? event.message : []));
    t.deepEqual([...bound, ...failures], [], warnings.join('\n'));
    return {
      ...summary,
      fingerprints: events
        .flatMap(event => (event.type === 'target-finished' ? (event.fingerprint ?? '') : []))
        .sort(),
      why: events.flatMap(event => (event.type === 'target-missed' ? event.why : [])),
      firmware: readFileSync(path.join(config, 'firmware/corne_left-nice_nano_v2-zmk.uf2'), 'utf8'),
    };
  } finally {
    await resetSharedCacheInstances();
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/** The checkout and the workspace of another user. */
function another(
  { root, config, workspace }: WestMachine,
  name: string,
): Pick<Place, 'config' | 'workspace' | 'cacheRoot'> {
  const home = path.join(root, name);
  const own = { config: path.join(home, 'src/corne'), workspace: path.join(home, 'src/zmk') };
  cpSync(config, own.config, { recursive: true });
  cpSync(workspace, own.workspace, { recursive: true });
  return { ...own, cacheRoot: path.join(home, 'cache') };
}

test.serial('two users with the same west, in other directories and with another PATH, share', async t => {
  const { url } = await TestServer.start(t);
  const machine = await createWestMachine(t, { onRun: 'build' });
  const { root } = machine;
  machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left]\n');
  // The compiler finds its parts by its own path, as a real one does.
  const found = compilerScript('TOOLS', WEST_VERSIONS['arm-none-eabi-gcc']!);
  machine.install('arm-none-eabi-gcc', found.replaceAll("'", '"').replaceAll('TOOLS', TOOLS));
  const first = { ...machine, isWriter: true, environment: { ...machine.environment, USER: 'one' } };
  const made = await buildAs(t, url, first, undefined);
  t.like(made, { compiled: 1, remote: 0 });

  // The same programs elsewhere, with all of their parts; other directories precede theirs in PATH.
  const place = another(machine, 'home of another');
  const home = path.join(root, 'home of another');
  mkdirSync(path.join(home, 'src'), { recursive: true });
  for (const name of ['bin', 'tools'])
    cpSync(path.join(root, name), path.join(home, 'src', name), { recursive: true, verbatimSymlinks: true });
  const environment = {
    HOME: home,
    USER: 'another',
    PATH: `/nowhere:${home}:${home}/src/bin`,
    VIRTUAL_ENV: home,
  };
  const built = await buildAs(t, url, { ...place, environment }, undefined);
  t.like(built, { compiled: 0, remote: 1, firmware: made.firmware });
  t.deepEqual(built.fingerprints, made.fingerprints);

  const nobody = { ...environment, USER: 'third' };
  const fresh = () => ({
    ...place,
    environment: nobody,
    cacheRoot: path.join(root, `cache ${Math.random()}`),
  });
  const program = path.join(home, 'src/bin/arm-none-eabi-gcc');
  const before = readFileSync(program, 'utf8');
  writeFileSync(program, `${before}# other bytes\n`);
  const other = await buildAs(t, url, fresh(), undefined);
  t.like(other, { compiled: 1, remote: 0 });
  t.regex(other.why.join('\n'), /arm-none-eabi-gcc is a different program of the same version/);
  writeFileSync(program, before);
  writeFileSync(
    path.join(place.config, 'config/west.yml'),
    'manifest:\n  projects: [{ name: zmk, url: https://example.org/zmk, revision: v2 }]\n',
  );
  writeFileSync(path.join(place.workspace, 'zmk/app/src/main.c'), 'int main(void) { return 1; }');
  const moved = await buildAs(t, url, fresh(), undefined);
  t.like(moved, { compiled: 1, remote: 0 });
  t.regex(moved.why.join('\n'), /zmk/);
});

inFull('another revision in west.yml alone is a miss, and --explain names it', async t => {
  const { url } = await TestServer.start(t);
  const machine = await createWestMachine(t, { onRun: 'build' });
  machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left]\n');
  const environment = { ...machine.environment };
  t.like(await buildAs(t, url, { ...machine, isWriter: true, environment }, undefined), { compiled: 1 });
  const readAs = async (name: string) => {
    const built = await buildAs(
      t,
      url,
      { ...machine, environment, cacheRoot: path.join(machine.root, `cache of ${name}`) },
      undefined,
    );
    return { ...built, why: built.why.join('\n') };
  };
  t.like(await readAs('the second'), { compiled: 0, remote: 1 });

  // The manifest of the workspace, then the one of a config outside it.
  for (const [directory, reason] of [
    [machine.workspace, /^the remote cache has it for another toolchain: west\.yml changed$/m],
    [machine.config, /^config\/west\.yml changed since /m],
  ] as const) {
    const file = path.join(directory, 'config/west.yml');
    const before = readFileSync(file, 'utf8');
    t.true(before.includes('revision: main'));
    writeFileSync(file, before.replace('revision: main', 'revision: v0.3'));
    const built = await readAs(`a reader of ${path.basename(directory)}`);
    t.like(built, { compiled: 1, remote: 0 });
    t.regex(built.why, reason);
    writeFileSync(file, before);
  }
  t.like(await readAs('the third'), { compiled: 0, remote: 1 });

  // What west checks out for another revision, although no build reads the file that differs.
  machine.change('zmk/README.md', 'another revision\n', true);
  const moved = await readAs('the fourth');
  t.like(moved, { compiled: 1, remote: 0 });
  t.regex(moved.why, /zmk moved [0-9a-f]{7} → [0-9a-f]{7}/);
});

inFull('two users share firmware that is built in containers, unless their images differ', async t => {
  const found = await containerMachine(t);
  if (!found) return;
  const { machine, engine } = found;
  const { url } = await TestServer.start(t);
  machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left]\n');
  say(machine, 'leave_records');
  const container = { container: { image: IMAGE } };
  const environment = { ...engine.environment, HOME: machine.home };
  const made = await buildAs(t, url, { ...machine, isWriter: true, environment }, container);
  t.like(made, { compiled: 1, remote: 0 });
  const place = another(machine, 'home of another');
  const other = {
    ...place,
    environment: { ...environment, HOME: path.join(machine.root, 'home of another') },
  };
  const built = await buildAs(t, url, other, container);
  t.like(built, { compiled: 0, remote: 1, firmware: made.firmware });
  t.deepEqual(built.fingerprints, made.fingerprints);
  const west = `${readFileSync(new URL('../container-rig/west.sh', import.meta.url), 'utf8')}\n# another\n`;
  await engine.makeImage('glovebox-test/other:1', { west });
  const cacheRoot = path.join(machine.root, 'a third cache');
  const third = await buildAs(
    t,
    url,
    { ...other, cacheRoot },
    { container: { image: 'glovebox-test/other:1' } },
  );
  t.like(third, { compiled: 1, remote: 0 });
  t.regex(third.why.join('\n'), /new image digest/);
});
