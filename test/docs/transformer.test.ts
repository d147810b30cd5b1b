// The documented synchronous plug-in, as Jest calls it: in several threads, in one run after another.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { installPackage } from '../support/installed.ts';
import { ROOT } from './documents.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-transformer-'));
const extract = path.join(ROOT, 'test/support/extract-snippets.mjs');

test.before(() => installPackage(directory));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

async function run(cwd: string, task: string): Promise<string> {
  const env = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'cache') };
  const { stdout } = await promisify(execFile)(process.execPath, ['jest.js', task], { cwd, env });
  return stdout;
}

test('the documented transformer runs Babel once for each source, in whichever thread and process', async t => {
  const own = path.join(directory, 'transformer');
  mkdirSync(own);
  const put = (name: string, text: string) => writeFileSync(path.join(own, name), text);
  execFileSync(process.execPath, [extract, path.join(ROOT, 'docs/cache.md'), own]);
  put('package.json', '{ "type": "module" }');
  put('package-lock.json', '{}');
  put(
    'plugin.js',
    `import { appendFileSync } from 'node:fs';
    export default (_, { name }) => ({
      visitor: {
        Program() { appendFileSync('runs', 'x'); },
        Identifier(path) { if (path.node.name === 'before') path.node.name = name; },
      },
    });`,
  );
  put(
    'jest.js',
    `import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
    import transformer from './transform.js';
    const codes = ({ sources }) =>
      sources.map((source, index) => transformer.process(source, \`/src/\${index}.js\`).code);
    if (isMainThread) {
      const task = JSON.parse(process.argv[2]);
      const all = [codes(task)];
      for (let thread = 0; thread < task.threads; thread++) {
        const worker = new Worker(new URL(import.meta.url), { workerData: task });
        all.push(await new Promise(resolve => worker.once('message', resolve)));
      }
      console.log(JSON.stringify(all));
    } else parentPort.postMessage(codes(workerData));`,
  );
  const configure = (name: string) =>
    put('babel.config.json', JSON.stringify({ plugins: [['./plugin.js', { name }]] }));
  const transform = async (sources: string[], threads: number): Promise<string[][]> =>
    JSON.parse(await run(own, JSON.stringify({ sources, threads })));
  const runs = () => readFileSync(path.join(own, 'runs'), 'utf8').length;

  configure('after');
  const first = await transform(['before=1', 'before=2'], 1);
  t.regex(first[0]![0]!, /^after = 1;\n\/\/# sourceMappingURL=data:/);
  t.deepEqual(first[1], first[0]);
  t.is(runs(), 2);
  const again = await transform(['before=1', 'before=2'], 2);
  t.deepEqual(again, [first[0], first[0], first[0]]);
  t.is(runs(), 2, 'nothing is compiled again');
  await transform(['before=1', 'before=3'], 0);
  t.is(runs(), 3, 'but for what changed');
  configure('later');
  t.regex((await transform(['before=1'], 0))[0]![0]!, /^later = 1;/);
  t.is(runs(), 4);
});
