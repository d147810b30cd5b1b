// Locations of ZMK and Zephyr in a workspace: its manifests decide, and not the usual places.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { manifestProjects, WorkspaceError, zmkPlaces } from '../../../src/builder/workspace/index.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { write } from './repositories.ts';

const APPLICATION = 'cmake_minimum_required(VERSION 3.20)\nproject(zmk)\n';
const settings = (manifest: string, more = '') => `[manifest]\n${manifest}\n${more}`;

test("in the layout of ZMK's documentation the application is the manifest's own directory", async t => {
  const clone = await temporaryDirectory(t);
  await write(clone, {
    '.west/config': settings('path = app\nfile = west.yml', '\n[zephyr]\nbase = zephyr\n'),
    'app/west.yml':
      'manifest: { projects: [{ name: zephyr, import: true }, { name: lvgl, path: modules/lvgl }] }',
    'app/CMakeLists.txt': APPLICATION,
    'zephyr/VERSION': '4',
  });
  t.deepEqual(await zmkPlaces(clone), { application: 'app', zephyr: 'zephyr' });
});

test("with the manifest in ZMK's repository and not in the application, the application is found, too", async t => {
  const directory = await temporaryDirectory(t);
  await write(directory, {
    '.west/config': settings('path = firmware\nfile = app/west.yml'),
    'firmware/app/west.yml': 'manifest: { projects: [] }',
    'firmware/app/CMakeLists.txt': APPLICATION,
  });
  t.deepEqual(await zmkPlaces(directory), { application: 'firmware/app', zephyr: 'zephyr' });
});

test('of the projects it is the one named zmk, wherever the manifest puts it', async t => {
  const directory = await temporaryDirectory(t);
  await write(directory, {
    '.west/config': settings('path = config'),
    'config/west.yml': `manifest:
  projects:
    - { name: helpers }
    - { name: zmk, path: firmware/zmk, import: app/west.yml }
`,
    'firmware/zmk/app/CMakeLists.txt': '# anything\n',
    'firmware/zmk/app/west.yml': 'manifest: { projects: [{ name: zephyr, path: os/zephyr }] }',
    // Directories in the usual places are not the ones that the manifest names.
    'zmk/app/CMakeLists.txt': APPLICATION,
    'helpers/app/CMakeLists.txt': APPLICATION,
  });
  t.deepEqual(await zmkPlaces(directory), { application: 'firmware/zmk/app', zephyr: 'os/zephyr' });
});

test('a fork with another name is recognised by its content', async t => {
  const directory = await temporaryDirectory(t);
  await write(directory, {
    '.west/config': settings('path = config', '[zephyr]\nbase = there\n'),
    'config/west.yml': 'manifest: { projects: [{ name: tools }, { name: my-zmk }] }',
    'tools/app/CMakeLists.txt': 'project(tools)\n',
    'my-zmk/app/CMakeLists.txt': APPLICATION,
    'there/VERSION': '3',
  });
  t.deepEqual(await zmkPlaces(directory), { application: 'my-zmk/app', zephyr: 'there' });
  await rm(path.join(directory, 'my-zmk'), { recursive: true });
  t.is(await zmkPlaces(directory), undefined);
});

test("projects come in west's order: imports beside a manifest, its own projects, then their imports", async t => {
  const directory = await temporaryDirectory(t);
  await write(directory, {
    '.west/config': settings('path = config\nfile = west.yml'),
    'config/west.yml': `manifest:
  self: { path: config, import: more }
  projects:
    - { name: zmk, import: [app/west.yml, { file: other.yml, path-prefix: extra }] }
    - { name: absent, import: true }
    - { name: outside, path: ../outside }
`,
    'config/more/b.yml': 'manifest: { projects: [{ name: b }] }',
    'config/more/a.yaml': 'manifest: { projects: [{ name: a }, { name: absent, path: elsewhere }] }',
    'zmk/app/west.yml': 'manifest: { projects: [{ name: zephyr, import: true }] }',
    'zmk/other.yml': 'manifest: { projects: [{ name: other, path: x/y }] }',
    // In a cycle.
    'zephyr/west.yml':
      'manifest: { self: { import: west.yml }, projects: [{ name: hal, path: modules/hal }] }',
  });
  const found: string[] = [];
  for await (const { name, path: place } of manifestProjects(directory)) found.push(`${name} ${place}`);
  t.deepEqual(found, [
    ...['a a', 'absent elsewhere', 'b b', 'zmk zmk', 'zephyr zephyr', 'hal modules/hal', 'other extra/x/y'],
  ]);
});

test('a directory that is not a workspace, or has a broken manifest, is reported', async t => {
  const directory = await temporaryDirectory(t);
  await t.throwsAsync(zmkPlaces(directory), {
    instanceOf: WorkspaceError,
    message: /is not a west workspace/,
  });
  await write(directory, { '.west/config': settings('path = config'), 'config/west.yml': 'manifest: [' });
  await t.throwsAsync(zmkPlaces(directory), { instanceOf: WorkspaceError, message: /is not valid YAML/ });
});
