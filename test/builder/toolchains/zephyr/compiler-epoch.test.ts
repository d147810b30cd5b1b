// Time in which targets may use one another's objects in ccache.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CompilerEpoch } from '../../../../src/builder/toolchains/zephyr/compiler-epoch.ts';

/** A directory with the parts of a compiler, older than any build. */
function deskFor(t: ExecutionContext) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'compiler-epoch-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const part = (name: string) => path.join(root, 'tools', name);
  mkdirSync(path.join(root, 'tools'));
  for (const name of ['gcc', 'cc1', 'as']) writeFileSync(part(name), name);
  const tools = (names: string[], absent: string[] = []) => ({
    ...{ files: names.map(part), absent: absent.map(part) },
    ...{ headers: [], own: [] },
  });
  const directory = path.join(root, 'compiler');
  const begin = () => CompilerEpoch.begin(directory)!;
  /** A build that comes to its end. */
  const build = (...ended: Parameters<typeof tools>) => {
    const epoch = begin();
    epoch.end(tools(...ended));
    return epoch.id;
  };
  return { root, directory, part, tools, begin, build };
}

/** Files that were just written may have changed during a build that began within the same tick. */
async function settle(): Promise<void> {
  const until = Date.now() + 15;
  while (Date.now() < until) await new Promise(resolve => setImmediate(resolve));
}

test('builds with the same compiler share an epoch', async t => {
  const { build } = deskFor(t);
  await settle();
  const id = build(['gcc', 'cc1']);
  t.is(build(['gcc', 'cc1']), id);
  t.is(build(['gcc', 'cc1', 'as']), id);
  t.is(build(['gcc', 'cc1', 'as']), id);
});

test('another part of the compiler begins another epoch, and so does one that would be found first', async t => {
  const { build, part } = deskFor(t);
  await settle();
  const id = build(['gcc', 'cc1'], ['first/cc1']);
  utimesSync(part('cc1'), 0, 0);
  t.is(build(['gcc', 'cc1'], ['first/cc1']), id, 'its content counts');
  writeFileSync(part('cc1'), 'newer');
  await settle();
  const next = build(['gcc', 'cc1'], ['first/cc1']);
  t.not(next, id);
  mkdirSync(part('first'));
  writeFileSync(part('first/cc1'), '');
  await settle();
  t.not(build(['gcc', 'cc1']), next);
});

test('a compiler that changes during a build leaves no epoch', async t => {
  const { begin, build, part, tools } = deskFor(t);
  await settle();
  const first = begin();
  writeFileSync(part('cc1'), 'newer');
  first.end(tools(['gcc', 'cc1']));
  await settle();
  const second = build(['gcc', 'cc1']);
  t.not(second, first.id);
  const third = begin();
  t.is(third.id, second);
  writeFileSync(part('cc1'), 'newest');
  third.end(tools(['gcc', 'cc1']));
  writeFileSync(part('cc1'), 'newer');
  await settle();
  t.not(build(['gcc', 'cc1']), second, 'though it is back');
});

test('the findings of an unfinished build count only if the compiler was known', async t => {
  const { begin, build } = deskFor(t);
  await settle();
  const first = begin();
  first.end(undefined);
  const known = build(['gcc']);
  t.not(known, first.id);
  begin().end(undefined);
  t.is(build(['gcc']), known);
});

test('builds that begin together do not share an epoch that neither knows yet', async t => {
  const { begin, build, tools } = deskFor(t);
  await settle();
  const [one, other] = [begin(), begin()];
  t.not(one.id, other.id);
  one.end(tools(['gcc']));
  other.end(tools(['gcc', 'cc1']));
  t.is(build(['gcc']), one.id);
});

test('the epoch of a process that died is not used again', async t => {
  const { build, directory } = deskFor(t);
  await settle();
  const id = build(['gcc']);
  const module = path.resolve(
    import.meta.dirname,
    '../../../../src/builder/toolchains/zephyr/compiler-epoch.ts',
  );
  const script = `import { CompilerEpoch } from ${JSON.stringify(module)};
    console.log(CompilerEpoch.begin(${JSON.stringify(directory)}).id); process.kill(process.pid, 'SIGKILL');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.is(stdout.trim(), id);
  t.not(build(['gcc']), id);
});

test('there is no epoch without a writable directory', t => {
  const file = path.join(deskFor(t).root, 'file');
  execFileSync('touch', [file]);
  t.is(CompilerEpoch.begin(path.join(file, 'compiler')), undefined);
});
