// The real Python, with packages of the test's.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { isScript } from '../../../../src/builder/toolchains/program-identity.ts';
import { createDefaultCache } from '../../../../src/index.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

/** Where a Python is that is no script, which could start any other. */
function pythonDirectory(): string | undefined {
  return process.env.PATH?.split(path.delimiter).find(folder => {
    const file = path.join(folder, 'python3');
    return existsSync(file) && !isScript(file);
  });
}

const directory = pythonDirectory();
const serial = directory === undefined ? test.serial.skip : test.serial;

serial(
  'the remembered facts about Python are those that Python reports after every change of its packages',
  async t => {
    const root = await temporaryDirectory(t);
    const packages = path.join(root, 'packages');
    const metadata = (name: string, version: string) => {
      const place = path.join(packages, `${name}-1.dist-info`);
      mkdirSync(place, { recursive: true });
      writeFileSync(
        path.join(place, 'METADATA'),
        `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
      );
    };
    mkdirSync(packages);
    const cache = createDefaultCache({ tag: 'memory', cacheRoot: path.join(root, 'cache') });
    const environment = { PATH: directory!, PYTHONPATH: packages };
    let round = 0;
    const ask = async (memory = true) => {
      // Each as a process of its own would: nothing but the cache remembers.
      const file = '../../../../src/builder/toolchains/zephyr/python-packages.ts';
      const { findPython }: typeof import('../../../../src/builder/toolchains/zephyr/python-packages.ts') =
        await import(`${file}?${round++}`);
      const clock = () => Date.now() + 60_000;
      return findPython(environment, memory ? { cache, clock } : {});
    };
    const steps: [string, () => void][] = [
      ['nothing', () => {}],
      ['installed', () => metadata('anytree', '2.1')],
      ['edited in its place', () => metadata('anytree', '2.2')],
      ['another one', () => metadata('intelhex', '3')],
      ['removed', () => rmSync(path.join(packages, 'anytree-1.dist-info'), { recursive: true })],
    ];
    for (const [what, change] of steps) {
      change();
      const fresh = await ask(false);
      t.deepEqual(await ask(), fresh, what);
      const { hits } = await cache.stats();
      t.deepEqual(await ask(), fresh, what);
      t.true((await cache.stats()).hits > hits, `${what}: it is remembered`);
    }
  },
);
