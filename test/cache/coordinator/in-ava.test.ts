// AVA's worker threads: AVA runs each test file in a process or in a worker thread, and there the coordinator is not a
// main thread.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { bareEnvironment } from '../../support/bare-environment.ts';

const root = path.resolve(import.meta.dirname, '../../..');

test("threads reach their coordinator inside AVA's worker threads", async t => {
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.js');
  const args = [ava, 'test/cache/coordinator/connect.test.ts', '--worker-threads'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env: bareEnvironment() });
  t.regex(stdout, /with the coordinator in a worker thread/);
  t.regex(stdout, /\d+ tests passed/);
});
