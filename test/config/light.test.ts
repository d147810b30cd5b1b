import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';

const RECORDER = `
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
const loaded = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});
await import(workerData);
parentPort.postMessage(loaded);
`;

/** The packages that importing a module loads, in a thread that has loaded nothing yet. */
async function packagesOf(file: string): Promise<string[]> {
  const url = new URL(`data:text/javascript,${encodeURIComponent(RECORDER)}`);
  const worker = new Worker(url, { workerData: new URL(`../../src/${file}`, import.meta.url).href });
  const [loaded] = (await once(worker, 'message')) as [string[]];
  const names = loaded.map(file => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);
  return [...new Set(names)].filter(name => name !== undefined).sort();
}

test('reading the environment and an existing config object loads no parser and no validator', async t => {
  t.deepEqual(await packagesOf('cache/units.ts'), ['bytes', 'ms']);
  t.deepEqual(await packagesOf('config/environment.ts'), []);
  t.deepEqual(await packagesOf('config/user-config.ts'), []);
});

test('loading a config file loads parser and validator only when there is a file', async t => {
  const loaded = await packagesOf('config/index.ts');
  t.true(loaded.includes('bytes'));
  for (const heavy of ['valibot', 'yaml']) t.false(loaded.includes(heavy), heavy);
});

test('the layout service loads no parser until there is something to read', async t => {
  t.false((await packagesOf('builder/layout/layout-service.ts')).includes('yaml'));
});
