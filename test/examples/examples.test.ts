// The examples: each one runs in a project that has the package installed, and works as described.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { copyProject, installPackage } from '../support/installed.ts';

const examples = path.resolve(import.meta.dirname, '../../examples');
const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-examples-'));
const copy = path.join(directory, 'examples');

test.before(async () => {
  copyProject(directory);
  await installPackage(directory);
  mkdirSync(copy);
  for (const name of ['pool', 'getOrSet', 'files', 'sync-plugin', 'watch']) {
    cpSync(path.join(examples, name), path.join(copy, name), { recursive: true });
  }
});
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

const env = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'cache') };

/** The lines that an example prints, sorted: threads and processes print in any order. */
async function linesOf(name: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(copy, name, 'main.js')], { env });
  return stdout.trimEnd().split('\n').sort();
}

test('every example is run by a test, and in the list', t => {
  const folders = readdirSync(examples, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name);
  t.deepEqual(folders.sort(), ['corne', 'files', 'getOrSet', 'pool', 'sync-plugin', 'watch'].sort());
  const list = readFileSync(path.join(examples, 'README.md'), 'utf8');
  for (const name of folders) t.regex(list, new RegExp(`^\\| \\[${name}\\]\\(${name}\\)`, 'm'));
});

test('pool: each number is computed once, and none of them the second time', async t => {
  const results = '196418 832040 196418 832040 196418 832040';
  t.deepEqual(await linesOf('pool'), [results, '2 entries', 'computing 27', 'computing 30']);
  t.deepEqual(await linesOf('pool'), [results, '2 entries']);
});

test('getOrSet: one of three processes computes', async t => {
  const reports = ['process 1 has 42 lines', 'process 2 has 42 lines', 'process 3 has 42 lines'];
  t.deepEqual(await linesOf('getOrSet'), ['computing', ...reports]);
  t.deepEqual(await linesOf('getOrSet'), reports);
});

test('files: the output is restored, byte for byte, while the input is unchanged', async t => {
  const [first, size] = await linesOf('files');
  t.is(first, 'compressed');
  t.deepEqual(await linesOf('files'), [size, 'restored'].sort());
  appendFileSync(path.join(copy, 'files/main.js'), '// changed\n');
  t.is((await linesOf('files'))[0], 'compressed');
});

test('sync-plugin: each source is transformed once, in whichever thread and run', async t => {
  const loaded = Array(2).fill('a worker loaded 108 characters');
  t.deepEqual(await linesOf('sync-plugin'), [...loaded, 'transformed add.ts', 'transformed half.ts']);
  t.deepEqual(await linesOf('sync-plugin'), loaded);
});

test('watch: a saved keymap is built again, and Ctrl-C ends it', async t => {
  const config = path.join(directory, 'config');
  const watching = spawn(process.execPath, [path.join(copy, 'watch/main.js'), config], { env });
  const steps = [
    () => appendFileSync(path.join(config, 'config/tiny.keymap'), '\n// changed\n'),
    () => watching.kill('SIGINT'),
  ];
  const output = await outputOf(watching, () => steps.shift()?.());
  t.is(output.match(/^tiny_left-tiny-zmk: tiny_left-tiny-zmk\.bin$/gm)?.length, 2);
  t.regex(output, /^config\/tiny\.keymap changed$/m);
  t.regex(output, /^stopped$/m);
});

/** The full output of a program; `onWaiting` is called each time it reports that it waits. */
async function outputOf(watching: ChildProcess, onWaiting: () => void): Promise<string> {
  let output = '';
  let waits = 0;
  watching.stdout!.setEncoding('utf8');
  for await (const text of watching.stdout!) {
    output += text;
    const found = output.match(/Waiting for changes/g)?.length ?? 0;
    for (; waits < found; waits++) onWaiting();
  }
  return output;
}
