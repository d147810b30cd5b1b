import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { chooseToolchain } from '../../../src/builder/toolchains/choice.ts';
import { type ContainerEngine, findEngine } from '../../../src/builder/toolchains/container/engine-search.ts';
import { gitStores } from '../../../src/builder/toolchains/container/git-stores.ts';
import { inspectImage } from '../../../src/builder/toolchains/container/image.ts';
import { runContainer } from '../../../src/builder/toolchains/container/run.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { createWestMachine } from '../west-rig/west-rig.ts';
import { jobFor, orderFor } from './container-project.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** Programs that answer like the real ones. */
const DOCKER = answers('Docker version 28.2.2, build e6534b4', '28.2.2 ["name=seccomp,profile=builtin"]');
const PODMAN = answers('podman version 5.4.0', '5.4.0 true');
const DOWN = answers(
  'Docker version 28.2.2, build e6534b4',
  undefined,
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
);

const PODMAN_ENGINE: ContainerEngine = {
  command: 'podman',
  kind: 'podman',
  version: '5.4.0',
  users: 'rootless',
};

function answers(version: string, info: string | undefined, error = ''): string {
  return [
    'case "$1" in',
    `  --version) echo '${version}' ;;`,
    // Only in the format of the engine itself.
    info === undefined
      ? `  *) echo "${error}" >&2; exit 1 ;;`
      : `  info) case "$3" in *${/podman/.test(version) ? 'Rootless' : 'ServerVersion'}*) echo 'WARNING: told first' >&2; echo '${info}' ;; *) exit 125 ;; esac ;;
  image) printf '%s\\n' '"${DIGEST}"' '"linux"' '"amd64"' '["sha256:layer"]' '""' '["A=1"]' ;;`,
    'esac',
  ].join('\n');
}

test.serial('docker takes precedence over podman, and podman is used when docker does not work', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  machine.install('podman', PODMAN);
  t.deepEqual(await findEngine(undefined), { works: true, engine: PODMAN_ENGINE });
  machine.install('docker', DOWN);
  t.deepEqual(await findEngine(undefined), { works: true, engine: PODMAN_ENGINE });
  machine.install('docker', DOCKER);
  const docker = { command: 'docker', kind: 'docker', version: '28.2.2', users: 'same' } as const;
  t.deepEqual(await findEngine(undefined), { works: true, engine: docker });
});

test.serial('the configuration decides, and GLOVEBOX_CONTAINER_ENGINE after it', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.install('podman', PODMAN);
  machine.install('docker', DOCKER);
  machine.use(t, { GLOVEBOX_CONTAINER_ENGINE: 'podman' });
  t.like(await findEngine(undefined), { works: true, engine: { command: 'podman' } });
  t.like(await findEngine('docker'), { works: true, engine: { command: 'docker' } });
  process.env.GLOVEBOX_CONTAINER_ENGINE = 'dokcer';
  await t.throwsAsync(findEngine(undefined), {
    code: 'GLOVEBOX_TOOLCHAIN',
    message: /^GLOVEBOX_CONTAINER_ENGINE is 'dokcer', and only docker and podman are known/,
  });
  // An explicit choice is not replaced by an engine that works.
  process.env.GLOVEBOX_CONTAINER_ENGINE = 'docker';
  machine.install('docker', DOWN);
  t.like(await findEngine(undefined), { works: false });
});

test.serial('podman under the name of docker is podman, and docker reports its user mapping', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  machine.install('docker', PODMAN);
  t.like(await findEngine(undefined), {
    engine: { command: 'docker', kind: 'podman', users: 'rootless' },
  });
  machine.install('docker', answers('Docker version 28.2.2', '28.2.2 ["name=seccomp","name=rootless"]'));
  t.like(await findEngine(undefined), { engine: { kind: 'docker', users: 'rootless' } });
  machine.install('docker', answers('Docker version 28.2.2', '28.2.2 ["name=userns"]'));
  t.like(await findEngine(undefined), { engine: { kind: 'docker', users: 'remapped' } });
});

test.serial('when no engine works the reasons and the remedy are given', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  t.deepEqual(await findEngine(undefined), {
    works: false,
    detail: "there is no 'docker' in PATH; there is no 'podman' in PATH",
    remedy: 'Install docker or podman.',
  });
  machine.install('docker', DOWN);
  t.like(await findEngine(undefined), {
    detail:
      "'docker' does not work (Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?); there is no 'podman' in PATH",
    remedy:
      "Start docker's daemon (sudo systemctl start docker, or Docker Desktop), and have 'docker info' work.",
  });
  machine.install(
    'docker',
    answers('Docker version 28', undefined, 'permission denied while trying to connect'),
  );
  const denied = await findEngine('docker');
  t.true(!denied.works && /join the group docker/.test(denied.remedy));
});

test.serial('without a workspace the message says how the image can make one', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  machine.install('podman', PODMAN);
  const question = {
    userConfig: createUserConfig({}, { directory: machine.config }),
    configDirectory: machine.config,
    outputDirectory: path.join(machine.config, 'firmware'),
    cacheRoot: machine.cacheRoot,
    cache: true,
    toolchain: 'container' as const,
  };
  await t.throwsAsync(chooseToolchain(question), {
    code: 'GLOVEBOX_NO_TOOLCHAIN',
    message:
      /there is no west workspace.*--workspace DIR.*make one with the image: podman run --rm .*docker\.io\/zmkfirmware\/zmk-build-arm:stable sh -c 'west init -l config && west update'$/,
  });
  const { workspace } = machine;
  t.like(await chooseToolchain({ ...question, workspace }), {
    kind: 'container',
    image: DIGEST,
    engine: { command: 'podman' },
  });
});

test.serial('podman without its init program is reported with the package that has it', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  const said =
    'Error: container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory';
  machine.install('podman', `case "$1" in create) echo '${said}' >&2; exit 125 ;; esac`);
  const outcome = await runContainer(PODMAN_ENGINE, orderFor(machine, DIGEST, 'true'), jobFor(machine));
  t.deepEqual(outcome, {
    ok: false,
    reason: 'cannot-start',
    message: `'podman' cannot make the container: ${said}. Install the package catatonit.`,
    lastLines: [said],
  });
});

test("git data outside of the workspace is known: a worktree's repository, and alternates", async t => {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'stores-')));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: root,
      stdio: 'ignore',
    });
  git('init', 'mine');
  writeFileSync(path.join(root, 'mine/file'), '');
  git('-C', 'mine', 'add', '.');
  git('-C', 'mine', 'commit', '-m', 'first');
  mkdirSync(path.join(root, 'workspace'));
  git('-C', 'mine', 'worktree', 'add', '../workspace/zmk');
  git('clone', '--shared', 'mine', 'lender');
  git('clone', '--shared', 'lender', 'workspace/zephyr');
  git('init', 'workspace/own');
  const stores = (...projects: string[]) => gitStores(path.join(root, 'workspace'), projects);
  t.deepEqual(stores('own', 'none'), []);
  t.deepEqual(stores('zmk'), [path.join(root, 'mine/.git')]);
  t.deepEqual(stores('zephyr'), [
    path.join(root, 'lender/.git/objects'),
    path.join(root, 'mine/.git/objects'),
  ]);
});

test.serial(
  'an image has the same identity in every store and engine, and another one when a build sees something else',
  async t => {
    const machine = await createWestMachine(t, { programs: false });
    machine.use(t);
    const layers = '["sha256:one","sha256:two"]';
    const inspect = async (id: string, ...lines: string[]) => {
      machine.install('podman', `printf '%s\\n' '"${id}"' ${lines.map(line => `'${line}'`).join(' ')}`);
      const found = await inspectImage(PODMAN_ENGINE, 'zmk');
      return found ?? t.fail();
    };
    const [config, manifest] = ['c'.repeat(64), 'd'.repeat(64)];
    // Docker identifies it by its configuration or, in the newer store, by its manifest; podman omits the prefix.
    const classic = await inspect(`sha256:${config}`, '"linux"', '"amd64"', layers, '""', '["A=1"]');
    t.is(classic.digest, `sha256:${config}`);
    const newer = await inspect(`sha256:${manifest}`, '"linux"', '"amd64"', layers, '""', '["A=1"]');
    const podman = await inspect(config, '"linux"', '"amd64"', layers, 'null', '["A=1"]');
    t.deepEqual([newer.content, podman.content], [classic.content, classic.content]);
    t.deepEqual([newer.digest, podman.digest], [`sha256:${manifest}`, `sha256:${config}`]);
    const others = [
      ['"linux"', '"arm64"', layers, '""', '["A=1"]'],
      ['"linux"', '"amd64"', '["sha256:one"]', '""', '["A=1"]'],
      ['"linux"', '"amd64"', layers, '"zmk"', '["A=1"]'],
      ['"linux"', '"amd64"', layers, '""', '["A=2"]'],
    ];
    for (const other of others) t.not((await inspect(config, ...other)).content, classic.content);
  },
);
