// Every program in the documentation runs, and prints the documented output.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { copyProject, installPackage } from '../support/installed.ts';
import { documents, programsOf, ROOT } from './documents.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-programs-'));
test.before(async () => {
  copyProject(directory);
  await installPackage(directory);
  for (const { file } of documents) {
    const extract = path.join(ROOT, 'test/support/extract-snippets.mjs');
    execFileSync(process.execPath, [extract, path.join(ROOT, file), directory]);
  }
});
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

// Threads print in any order.
const sorted = (output: string) => output.trimEnd().split('\n').sort();

async function run(name: string, cache = name): Promise<string> {
  const env = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'caches', cache) };
  const { stdout } = await promisify(execFile)(process.execPath, [name], { cwd: directory, env });
  return stdout;
}

const names = documents.flatMap(document => programsOf(document).programs.map(({ name }) => name));

test('every program in the documentation has a unique name, and documents its output', t => {
  t.true(names.length > 10);
  t.is(new Set(names).size, names.length);
  for (const document of documents) {
    t.deepEqual(programsOf(document).stray, [], document.file);
  }
});

for (const document of documents) {
  for (const { name, output } of programsOf(document).programs) {
    test.serial(`${document.file}: ${name} prints the documented output`, async t => {
      t.deepEqual(sorted(await run(name)), sorted(output));
    });
  }
}

test.serial('run again, the pool of the README computes nothing', async t => {
  t.regex(await run('pool.js', 'pool'), /computing/);
  t.is(await run('pool.js', 'pool'), '[ 8, 27, 8, 27, 8, 27 ]\n');
});
