// The first command of a new user, on a copy of the example: both halves at once, then only what changed.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import type { BuildEvent } from '../../../src/builder/index.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const LEFT = 'corne_left-nice_nano_v2-zmk';
const RIGHT = 'corne_right-nice_nano_v2-zmk';

type Finished = Extract<BuildEvent, { type: 'target-finished' }>;

/** The source of each target, and when it was compiled. */
interface Built {
  sources: Record<string, string>;
  compiling: Map<string, { from: number; to: number }>;
}

let directory: string;
let example: string;

test.before(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'glovebox-corne-'));
  example = path.join(directory, 'examples/corne');
  await mkdir(path.dirname(example));
  await cp(path.join(root, 'examples/corne'), example, {
    recursive: true,
    filter: source => path.basename(source) !== 'firmware' || source.includes('toolchain'),
  });
  for (const name of ['node_modules', 'src', 'package.json']) {
    await symlink(path.join(root, name), path.join(directory, name));
  }
});
test.after.always(() => rm(directory, { recursive: true, force: true }));

async function build(): Promise<Built> {
  const main = path.join(root, 'src/cli/main.ts');
  const child = spawn(process.execPath, [main, 'build', example, '--json'], {
    env: { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'cache') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = (await text(child.stdout)).trim().split('\n');
  const events = lines.map(line => JSON.parse(line) as BuildEvent);
  const compiling = new Map<string, { from: number; to: number }>();
  const sources: Record<string, string> = {};
  for (const event of events) {
    if (event.type === 'target-compiling') compiling.set(event.target, { from: event.at, to: Number.NaN });
    if (event.type !== 'target-finished') continue;
    sources[event.target] = (event as Finished).source;
    const span = compiling.get(event.target);
    if (span) span.to = event.at;
  }
  return { sources, compiling };
}

async function edit(file: string, change: (content: string) => string): Promise<() => Promise<void>> {
  const place = path.join(example, file);
  const before = await readFile(place, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`Nothing changed in ${file}.`);
  await writeFile(place, after);
  return () => writeFile(place, before);
}

const firmware = (target: string) => readFile(path.join(example, 'firmware', `${target}.uf2`));

test('both halves compile at once; again, and after an undone edit, from the cache; one half alone when only it changed', async t => {
  const cold = await build();
  t.deepEqual(cold.sources, { [LEFT]: 'compiled', [RIGHT]: 'compiled' });
  const [left, right] = [cold.compiling.get(LEFT)!, cold.compiling.get(RIGHT)!];
  t.true(left.from < right.to && right.from < left.to, 'their times overlap');
  const first = await firmware(LEFT);

  const again = await build();
  t.deepEqual(again.sources, { [LEFT]: 'cache', [RIGHT]: 'cache' });
  t.is(again.compiling.size, 0, 'no compiler was started');

  const undo = await edit('config/corne.keymap', keymap => keymap.replace('&kp Q', '&kp Z'));
  t.deepEqual((await build()).sources, { [LEFT]: 'compiled', [RIGHT]: 'compiled' });
  t.false(first.equals(await firmware(LEFT)));
  await undo();
  t.deepEqual((await build()).sources, { [LEFT]: 'cache', [RIGHT]: 'cache' });
  t.true(first.equals(await firmware(LEFT)));

  await edit(
    'toolchain/source/right.h',
    source => `${source}\n// Something that only the right half reads.\n`,
  );
  t.deepEqual((await build()).sources, { [LEFT]: 'cache', [RIGHT]: 'compiled' });
});
