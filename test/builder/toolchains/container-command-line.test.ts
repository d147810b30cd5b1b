import path from 'node:path';
import test from 'ava';
import {
  type ContainerSpec,
  createArguments,
  neededMounts,
  workspaceShellCommand,
} from '../../../src/builder/toolchains/container/command-line.ts';
import type { ContainerEngine } from '../../../src/builder/toolchains/container/engine-search.ts';
import { pullName } from '../../../src/builder/toolchains/container/image.ts';

const docker: ContainerEngine = { command: 'docker', kind: 'docker', version: '28.2.2', users: 'same' };
const podman: ContainerEngine = { command: 'podman', kind: 'podman', version: '5.4.0', users: 'rootless' };
const user = { uid: 1000, gid: 100 };

const order: ContainerSpec = {
  ...{ name: 'glovebox-7-a1b2', image: 'sha256:abc', imageName: 'zmk:stable', program: 'west', user },
  args: ['build', '-d', '/work/build', '--', '-DSHIELD=corne_left;-x'],
  workingDirectory: '/zmk',
  environment: { HOME: '/work/tmp', LAYERS: 'two words\nand a line' },
  mounts: [
    { directory: '/zmk', target: '/glovebox/workspace', writable: false },
    { directory: '/work', target: '/glovebox/build', writable: true },
  ],
};

test('docker is told what to run, as which user, with which mounts, and to remove the container', t => {
  t.deepEqual(createArguments(docker, order), [
    ...['create', '--name', 'glovebox-7-a1b2', '--label', 'glovebox=build', '--rm', '--init'],
    ...['--pull', 'never', '--network', 'none', '--security-opt', 'label=disable', '--user', '1000:100'],
    ...['--mount', 'type=bind,source=/work,target=/glovebox/build'],
    ...['--mount', 'type=bind,source=/zmk,target=/glovebox/workspace,readonly'],
    ...['--env', 'HOME=/work/tmp', '--env', 'LAYERS=two words\nand a line'],
    ...['--workdir', '/zmk', '--entrypoint', 'west', 'sha256:abc'],
    ...['build', '-d', '/work/build', '--', '-DSHIELD=corne_left;-x'],
  ]);
});

test('podman is told the same, and what docker does by default', t => {
  const told = createArguments(docker, order);
  const more = createArguments(podman, order).filter(word => !told.includes(word));
  t.deepEqual(more, ['--http-proxy=false', '--userns=keep-id']);
  const without = createArguments(podman, order).filter(word => !more.includes(word));
  t.deepEqual(without, told);
  // As root, podman has all user ids and supports no other mapping.
  t.false(createArguments({ ...podman, users: 'same' }, order).includes('--userns=keep-id'));
});

test('where root in the container is the host user, or user ids are mapped, files still belong to the host user', t => {
  const asWhom = (engine: ContainerEngine) => {
    const told = createArguments(engine, order);
    return [told[told.indexOf('--user') + 1], ...told.filter(word => word.startsWith('--userns'))];
  };
  t.deepEqual(asWhom({ ...docker, users: 'rootless' }), ['0:0']);
  t.deepEqual(asWhom({ ...docker, users: 'remapped' }), ['1000:100', '--userns=host']);
  t.false(createArguments(docker, { ...order, user: undefined }).includes('--user'));
});

test('a directory whose name has option separators is mounted as one', t => {
  const mounts = [{ directory: '/my, "best" config', target: '/glovebox/config', writable: false }];
  const told = createArguments(docker, { ...order, mounts });
  t.is(
    told[told.indexOf('--mount') + 1],
    'type=bind,"source=/my, ""best"" config",target=/glovebox/config,readonly',
  );
});

test('a directory is mounted once, and again only where it must be writable', t => {
  const read = (directory: string, target = directory) => ({ directory, target, writable: false });
  const write = (directory: string) => ({ directory, target: directory, writable: true });
  t.deepEqual(neededMounts([read('/a/b'), read('/a'), read('/a/'), read('/ab')]), [read('/a'), read('/ab')]);
  // A cache inside a config: the build is there, and within it a copy of the keymaps.
  t.deepEqual(neededMounts([read('/c/cache/build/keymaps'), read('/c'), write('/c/cache/build')]), [
    ...[read('/c'), write('/c/cache/build'), read('/c/cache/build/keymaps')],
  ]);
  t.deepEqual(neededMounts([read('/a'), write('/a')]), [write('/a')]);
  // A directory mounted inside another one, with different content.
  t.deepEqual(neededMounts([read('/b', '/a/b'), read('/a')]), [read('/a'), read('/b', '/a/b')]);
});

test('podman is told which registry a name belongs to, as docker knows', t => {
  const names: [name: string, full: string][] = [
    ['zmkfirmware/zmk-build-arm:stable', 'docker.io/zmkfirmware/zmk-build-arm:stable'],
    ['debian:12', 'docker.io/library/debian:12'],
    ['ghcr.io/me/zmk', 'ghcr.io/me/zmk'],
    ['localhost:5000/zmk', 'localhost:5000/zmk'],
    ['localhost/zmk', 'localhost/zmk'],
  ];
  for (const [name, full] of names) {
    t.is(pullName(podman, name), full);
    t.is(pullName(docker, name), name);
  }
});

test('a workspace can be made with a line that a shell parses as intended', t => {
  t.is(
    workspaceShellCommand(
      docker,
      'zmkfirmware/zmk-build-arm:stable',
      path.join('/home/me/my config'),
      'config',
      user,
    ),
    'docker run --rm --security-opt label=disable --user 1000:100 ' +
      "--mount 'type=bind,source=/home/me/my config,target=/home/me/my config' --workdir '/home/me/my config' " +
      "--env HOME=/tmp zmkfirmware/zmk-build-arm:stable sh -c 'west init -l config && west update'",
  );
});
