// Walks: the files of the sources whose code runs for a `set` in a worker thread, for a `get` there that has to read the
// database, and for one target of a `west` build. docs/architecture.md describes the same three and has the counts.
//
//   node docs/walks.ts [--list]
//
// Counted by V8's coverage: a file counts when one of its functions is called, so that files which only declare types,
// constants or exports do not. For the cache, each operation is the second of its kind in a thread with an open store.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openCache } from '../src/index.ts';
import { createWestMachine } from '../test/builder/west-rig/west-rig.ts';

type Walks = Record<string, string[]>;

const PROGRAM = fileURLToPath(import.meta.url);
const SOURCES = `${new URL('../src/', import.meta.url)}`;

/** The files of `src` in which a function was called. */
function filesOf(scripts: readonly Profiler.ScriptCoverage[]): string[] {
  return scripts
    .filter(({ url }) => url.startsWith(SOURCES))
    .filter(({ functions }) =>
      functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0]!.count > 0),
    )
    .map(({ url }) => url.slice(SOURCES.length).replace(/\?.*/, ''));
}

async function filesDuring(work: () => Promise<unknown>): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  // Resets the counts.
  await session.post('Profiler.takePreciseCoverage');
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  return filesOf(result);
}

async function cacheWalks(cacheRoot: string): Promise<Walks> {
  const cache = openCache({ cacheRoot, tag: 'walks' });
  await cache.set('key', 'value');
  await cache.get('first');
  return {
    'a set in a worker': await filesDuring(() => cache.set('other key', 'value')),
    'a get that reads the database': await filesDuring(() => cache.get('second')),
  };
}

/** The first target of a build, with a compiler of the tests. */
async function targetWalk(): Promise<Walks> {
  const teardowns: (() => unknown)[] = [];
  const t = { teardown: (work: () => unknown) => void teardowns.push(work) };
  const coverage = mkdtempSync(path.join(tmpdir(), 'glovebox-walks-'));
  try {
    const machine = await createWestMachine(t as never, { onRun: 'build' });
    machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left]\n');
    // This process answers for the compiler meanwhile.
    const build = spawn(
      process.execPath,
      [
        path.join(import.meta.dirname, '../src/cli/main.ts'),
        'build',
        machine.config,
        ...['--toolchain', 'west', '--workspace', machine.workspace],
      ],
      {
        env: {
          ...machine.environment,
          NODE_V8_COVERAGE: coverage,
          GLOVEBOX_CACHE_DIR: machine.cacheRoot,
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const [status] = await once(build, 'close');
    if (status !== 0) throw new Error(`The build ended with status ${status}.`);
    const files = readdirSync(coverage).flatMap(name =>
      filesOf(JSON.parse(readFileSync(path.join(coverage, name), 'utf8')).result),
    );
    return { 'one target with west': [...new Set(files)] };
  } finally {
    for (const work of teardowns.reverse()) await work();
    rmSync(coverage, { recursive: true, force: true });
  }
}

if (isMainThread && process.argv[2] === '--fill') {
  const cache = openCache({ cacheRoot: process.argv[3]!, tag: 'walks' });
  for (const key of ['first', 'second']) await cache.set(key, 'value');
  await cache.close();
} else if (isMainThread) {
  const cacheRoot = mkdtempSync(path.join(tmpdir(), 'glovebox-walks-'));
  // By another process, so that no copies are in memory.
  execFileSync(process.execPath, [PROGRAM, '--fill', cacheRoot]);
  await openCache({ cacheRoot, tag: 'walks' }).stats();
  const worker = new Worker(PROGRAM, { workerData: cacheRoot });
  const walks = await new Promise<Walks>(resolve => worker.once('message', resolve));
  Object.assign(walks, await targetWalk());
  rmSync(cacheRoot, { recursive: true });
  for (const [name, files] of Object.entries(walks)) {
    process.stdout.write(`${name}: ${files.length} files\n`);
    if (process.argv.includes('--list')) for (const file of files.sort()) process.stdout.write(`  ${file}\n`);
  }
} else {
  parentPort!.postMessage(await cacheWalks(workerData as string));
}
