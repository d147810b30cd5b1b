// Logs that are read while they grow.
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../support/temporary.ts';
import { LogDirectory } from './log-directory.ts';
import type { Line } from './log-lines.ts';

test("a thread's lines come before its end, which another thread recorded, however late they are read", async t => {
  const directory = await temporaryDirectory(t);
  const write = (name: string, line: Line) =>
    appendFileSync(path.join(directory, `${name}.log`), `${JSON.stringify(line)}\n`);
  const logs = new LogDirectory(directory, '0.1', true);
  const given: string[] = [];
  let isLate = true;
  const take = (writer: string, line: Line) => {
    given.push(`${writer} ${'ended' in line ? 'ended' : line.t}`);
    if (!isLate || writer !== '0.1/main') return;
    // The thread's file was read already, and the main thread's was not.
    isLate = false;
    write('0.0', { t: 2, id: 1, answer: null });
    write('main', { t: 3, ended: '0.1/0.0' });
  };
  write('0.0', { t: 1, id: 1, ask: { op: 'get', tag: 'steady', key: 'a' } });
  write('main', { t: 1, id: 1, ask: { op: 'get', tag: 'steady', key: 'a' } });
  await logs.read(take);
  await logs.read(take);
  await logs.close();
  t.deepEqual(given, ['0.1/0.0 1', '0.1/main 1', '0.1/0.0 2', '0.1/main ended']);
});
