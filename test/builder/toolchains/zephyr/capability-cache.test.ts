// Findings about the compiler that targets share.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CapabilityCache } from '../../../../src/builder/toolchains/zephyr/capability-cache.ts';

/** A compiler of two parts, and the directories of targets. */
function benchFor(t: ExecutionContext) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'capability-cache-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const part = (name: string) => path.join(root, name);
  for (const name of ['gcc', 'cc1']) writeFileSync(part(name), name);
  const shared = { file: path.join(root, 'facts.json'), locks: path.join(root, 'locks') };
  const begin = async (target: string, signal?: AbortSignal) => {
    const cache = await CapabilityCache.begin(part(target), { shared, ...(signal && { signal }) });
    if (cache === undefined) throw t.fail('it cannot be used');
    return cache;
  };
  const database = (target: string) => path.join(part(target), 'ToolchainCapabilityDatabase');
  /** Zephyr examines an option. */
  const find = (target: string, name: string, finding = '1') => {
    mkdirSync(database(target), { recursive: true });
    writeFileSync(path.join(database(target), name), finding);
  };
  const findings = (target: string) =>
    existsSync(database(target)) ? readdirSync(database(target)).sort() : [];
  const tools = async () => ['gcc', 'cc1'].map(part);
  return { ...{ part, shared, begin, find, findings, database, tools } };
}

/** Files that were just written may have changed during a build that began within the same tick. */
async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 15));
}

test('a target without findings takes those of another one', async t => {
  const { begin, find, findings, database, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  find('left', 'bb', '0');
  // Zephyr's log, and a file of an examination that was interrupted.
  find('left', 'log.txt', 'log');
  find('left', 'cc_tmp_1a2b3c4d', '');
  await left.share(tools);
  const right = await begin('right');
  t.deepEqual(findings('right'), ['aa', 'bb']);
  t.is(readFileSync(path.join(database('right'), 'bb'), 'utf8'), '0');
  right.end(await tools());
  left.end(await tools());
  // The findings that a target has are its own.
  find('left', 'dd');
  t.deepEqual(findings('right'), ['aa', 'bb']);
  await begin('right');
  t.deepEqual(findings('right'), ['aa', 'bb']);
});

test('a target adds what it found', async t => {
  const { begin, find, findings, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  await left.share(tools);
  const right = await begin('right');
  find('right', 'bb');
  await right.share(tools);
  await begin('third');
  t.deepEqual(findings('third'), ['aa', 'bb']);
});

test('the compiler is asked for its parts only if there is something new', async t => {
  const { begin, find, tools } = benchFor(t);
  await settle();
  let asked = 0;
  const counting = async () => {
    asked++;
    return tools();
  };
  const left = await begin('left');
  await left.share(counting);
  t.is(asked, 0);
  find('left', 'aa');
  await left.share(counting);
  await (await begin('right')).share(counting);
  t.is(asked, 1);
});

test('findings about another compiler are not taken, and are replaced', async t => {
  const { begin, find, findings, part, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  await left.share(tools);
  writeFileSync(part('cc1'), 'newer');
  await settle();
  const right = await begin('right');
  t.deepEqual(findings('right'), []);
  find('right', 'bb');
  await right.share(tools);
  await begin('third');
  t.deepEqual(findings('third'), ['bb']);
});

test('findings about a compiler that changes meanwhile are not shared', async t => {
  const { begin, find, findings, part, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  writeFileSync(part('cc1'), 'newer');
  await left.share(tools);
  await begin('right');
  t.deepEqual(findings('right'), []);
});

test('findings about unknown parts are not shared, and neither are those in a damaged file', async t => {
  const { begin, find, findings, shared, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  await left.share(async () => undefined);
  t.false(existsSync(shared.file));
  writeFileSync(shared.file, '{"tools":');
  const right = await begin('right');
  t.deepEqual(findings('right'), []);
  find('right', 'bb');
  await right.share(tools);
  await begin('third');
  t.deepEqual(findings('third'), ['bb']);
});

test('a target waits for one that is examining the compiler', async t => {
  const { begin, find, findings, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  let isWaiting = true;
  const waiting = begin('right').then(cache => {
    isWaiting = false;
    return cache;
  });
  find('left', 'aa');
  await new Promise(resolve => setTimeout(resolve, 200));
  t.true(isWaiting);
  await left.share(tools);
  await waiting;
  t.deepEqual(findings('right'), ['aa']);
});

test('a target that waits takes the turn when the other one has failed', async t => {
  const { begin, find, findings, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  const waiting = begin('right');
  find('left', 'aa');
  await left.leave();
  const right = await waiting;
  t.deepEqual(findings('right'), []);
  find('right', 'bb');
  const third = begin('third');
  await right.share(tools);
  await third;
  t.deepEqual(findings('third'), ['bb']);
});

test('a stopped target does not wait', async t => {
  const { begin, findings } = benchFor(t);
  const left = await begin('left');
  const stop = new AbortController();
  const waiting = begin('right', stop.signal);
  stop.abort();
  await waiting;
  t.deepEqual(findings('right'), []);
  await left.leave();
});

test('a target with findings of its own neither waits nor takes others', async t => {
  const { begin, find, findings, tools } = benchFor(t);
  await settle();
  const left = await begin('left');
  find('left', 'aa');
  await left.share(tools);
  left.end(await tools());
  const right = await begin('right');
  find('right', 'bb');
  await right.share(tools);
  const turn = await begin('left');
  t.deepEqual(findings('left'), ['aa']);
  turn.end(await tools());
});
