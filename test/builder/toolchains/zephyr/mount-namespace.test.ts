// A build's own directory at one path, in a mount namespace.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  BUILD_PLACE,
  MountNamespace,
  outputOf,
} from '../../../../src/builder/toolchains/zephyr/mount-namespace.ts';
import { hasMountNamespaces } from '../../../support/mount-namespaces.ts';

const isAllowed = hasMountNamespaces();
const allowed = isAllowed ? test : test.skip;
const environment = { PATH: process.env.PATH ?? '', KEPT: "it's" };

async function namespaceFor(t: ExecutionContext) {
  const root = mkdtempSync(path.join(os.tmpdir(), "name space'"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const [own, temporary] = ['own', 'temporary'].map(name => path.join(root, name)) as [string, string];
  for (const directory of [own, temporary]) mkdirSync(directory);
  const namespace = await MountNamespace.find(environment, temporary);
  const run = (script: string, ...args: string[]) => {
    const { command, args: words } = namespace!.command('/bin/sh', ['-c', script, 'sh', ...args], {
      ...{ own, cwd: root, temporary },
    });
    const underMask = ['-c', 'umask 027; exec "$@"', 'sh', command, ...words];
    return execFileSync('/bin/sh', underMask, { cwd: '/', env: environment, encoding: 'utf8' }).trim();
  };
  return { root, own, temporary, run };
}

allowed('a program sees its own directory at the one path, and everything else as it is', async t => {
  const { root, own, temporary, run } = await namespaceFor(t);
  writeFileSync(path.join(own, 'source'), 'content');
  t.is(run(`cat ${BUILD_PLACE}/source; echo made > ${BUILD_PLACE}/made`), 'content');
  t.is(readFileSync(path.join(own, 'made'), 'utf8'), 'made\n');
  t.is(run('pwd'), root);
  t.is(run('echo "$KEPT $PATH" "$@"', 'one two', "'"), `${environment.KEPT} ${environment.PATH} one two '`);
  t.is(run(`ls / | grep -v '^glovebox$'`), execFileSync('ls', ['/'], { encoding: 'utf8' }).trim());
  t.is(run('umask'), '0027');
  // Nothing of it is seen outside.
  t.deepEqual(readdirSync(path.join(temporary, 'root')), []);
  t.throws(() => readdirSync(BUILD_PLACE));
});

allowed('a program ends with its own status', async t => {
  const { run } = await namespaceFor(t);
  t.is((t.throws(() => run('exit 7')) as { status?: number } | undefined)?.status, 7);
});

test('a mount namespace is found where the system allows it', async t => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'mount-namespace-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  t.is((await MountNamespace.find(environment, directory)) !== undefined, isAllowed);
});

test('no mount namespace is found without the program that makes it', async t => {
  t.is(await MountNamespace.find({ PATH: '/nonexistent' }, os.tmpdir()), undefined);
});

test('paths in the output are those of this machine', t => {
  const translate = outputOf('/home/me/work');
  t.is(translate('/glovebox/build/zephyr/a.c:1: no'), '/home/me/work/zephyr/a.c:1: no');
  t.is(translate('/glovebox/builder and /glovebox/build'), '/glovebox/builder and /home/me/work');
});
