// Processes and threads that share a store through Keyv.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Keyv from 'keyv5';
import { KeyvGlovebox } from '../../src/keyv.ts';
import { eventually } from '../support/eventually.ts';
import { inFull } from '../support/extent.ts';
import { temporaryRoot } from '../support/temporary.ts';

const PROCESSES = ['p', 'q', 'r', 's'];
const THREADS = 4;
const COUNT = 30;

const program = path.join(import.meta.dirname, 'writer-process.ts');

function acknowledged(root: string): string[] {
  const files = readdirSync(root).filter(file => file.endsWith('.acknowledged'));
  return files.flatMap(file => readFileSync(path.join(root, file), 'utf8').trim().split('\n'));
}

function write(root: string, name: string, count: number): ChildProcess {
  return spawn(process.execPath, [program, root, name, String(count)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

inFull(
  'four processes of four threads that write through Keyv lose nothing, even if another one is killed',
  async t => {
    const root = await temporaryRoot(t);
    // It has far more to write than there is time for.
    const victim = write(root, 'victim', 1_000_000);
    const writers = PROCESSES.map(name => write(root, name, COUNT));
    // Listened for at once: a writer may end before the other process is killed.
    const exits = writers.map(writer => once(writer, 'exit'));
    t.teardown(() => {
      for (const child of [victim, ...writers]) child.kill('SIGKILL');
    });
    const isWriting = () => acknowledged(root).filter(key => key.startsWith('victim')).length >= COUNT;
    await eventually(isWriting);
    victim.kill('SIGKILL');
    const codes = (await Promise.all(exits)).map(([code]) => code);
    t.deepEqual(codes, [0, 0, 0, 0]);

    const keys = acknowledged(root);
    const finished = keys.filter(key => !key.startsWith('victim'));
    t.is(finished.length, PROCESSES.length * THREADS * COUNT);
    const keyv = new Keyv({ store: new KeyvGlovebox({ cacheRoot: root }), namespace: 'shared' });
    t.deepEqual(
      await keyv.getMany(keys),
      keys.map(key => ({ stored: key })),
    );
    const listed = new Set<string>();
    for await (const [key] of keyv.iterator!(undefined)) listed.add(key);
    t.deepEqual(
      keys.filter(key => !listed.has(key)),
      [],
    );
  },
);
