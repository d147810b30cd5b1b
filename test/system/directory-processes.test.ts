import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { killProcessesIn } from '../../src/system/directory-processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

(existsSync('/proc/self/cwd') ? test : test.skip)(
  'processes that work in a directory are ended, even after it was renamed, and no others',
  async t => {
    const directory = await temporaryDirectory(t);
    const start = async (name: string) => {
      const cwd = path.join(directory, name);
      await mkdir(cwd, { recursive: true });
      const child = spawn('sleep', ['600'], { cwd });
      t.teardown(() => void child.kill('SIGKILL'));
      await once(child, 'spawn');
      return { child, exited: once(child, 'exit') };
    };
    const [inside, below, beside] = [await start('a'), await start('a/b'), await start('ab')];
    await rename(path.join(directory, 'a'), path.join(directory, 'c'));
    await killProcessesIn(path.join(directory, 'c'));
    t.deepEqual(await inside.exited, [null, 'SIGKILL']);
    t.deepEqual(await below.exited, [null, 'SIGKILL']);
    t.is(beside.child.exitCode ?? beside.child.signalCode, null);
    await killProcessesIn(directory);
    t.deepEqual(await beside.exited, [null, 'SIGKILL']);
  },
);
