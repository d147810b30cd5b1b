// The check of the lock file that precedes everything else in .ci/run.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from './support/temporary.ts';

const root = new URL('../', import.meta.url).pathname;

interface Lock {
  packages: Record<string, Record<string, unknown>>;
}

test('the lock file can be installed everywhere, and a broken one is reported with what it lacks', async t => {
  const file = join(await temporaryDirectory(t), 'package-lock.json');
  const check = (change: (lock: Lock) => void) => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
    change(lock);
    writeFileSync(file, JSON.stringify(lock));
    const { status, stderr } = spawnSync(process.execPath, [join(root, '.ci/check-lock.mjs'), file], {
      encoding: 'utf8',
    });
    return `${status} ${stderr}`;
  };
  t.is(
    check(() => undefined),
    '0 ',
  );
  t.regex(
    check(({ packages }) => {
      delete packages['node_modules/@zigc/darwin-arm64'];
    }),
    /^1 package-lock\.json: node_modules\/@zigc\/cli may need @zigc\/darwin-arm64@[\d.]+, which has no entry/,
  );
  t.regex(
    check(({ packages }) => {
      packages['node_modules/ava']!.resolved = 'https://registry.example/ava.tgz';
    }),
    /^1 .*node_modules\/ava has a download address/,
  );
  t.regex(
    check(({ packages }) => {
      delete packages['node_modules/@zigc/win32-x64']!.optional;
    }),
    /^1 .*@zigc\/win32-x64.*lacks 'version' or 'optional'/,
  );
});
