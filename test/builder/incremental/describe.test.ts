// Target descriptions: a target is described once, and the compiling worker only checks that the description still
// holds.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { CompileResult, DescribedTarget, Target } from '../../../src/builder/incremental/index.ts';
import { InputReader } from '../../../src/builder/inputs/input-reader.ts';
import { SETTLED_MS } from '../../../src/builder/inputs/known-digests.ts';
import { GloveboxError } from '../../../src/errors.ts';
import { type CompileFixture, createCompileFixture, LEFT, RIGHT } from './compile-fixture.ts';

test('facts found for the cache look-up are not determined again for the compile', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.observed = { files: ['config/corne.keymap'], directories: ['config'] };
  const { service, described } = await missed(t, fixture, LEFT);
  t.deepEqual(fixture.toolchain.asked, { identity: 1, surroundings: 1, declaredInputs: 1 });
  t.like(await fixture.compile(LEFT, { described }), { ok: true, source: 'compiled', stored: true });
  // The declared inputs are requested once more, when the compiler has ended.
  t.deepEqual(fixture.toolchain.asked, { identity: 1, surroundings: 1, declaredInputs: 2 });
  t.deepEqual(
    fixture.events.filter(event => event.type === 'missed'),
    [],
    'the cache is not asked again',
  );
  t.deepEqual(described, structuredClone(described), 'it can be sent to another thread');

  await service.restore(RIGHT, fixture.root);
  t.deepEqual(
    fixture.toolchain.asked,
    { identity: 2, surroundings: 1, declaredInputs: 2 },
    'surroundings are found and inputs declared for all targets',
  );
});

test('a settled input is not read again while its stamp is unchanged, and is read when the stamp changes', async t => {
  const fixture = await createCompileFixture(t);
  const file = path.join(fixture.configDirectory, 'config/corne.keymap');
  const seen = (await new InputReader().file(file))!;
  // Only a reader that did not read the file can return this digest.
  const known = new Map([[file, { ...seen, sha256: '0'.repeat(64), isSettled: true }]]);
  t.is((await new InputReader(undefined, known).file(file))!.sha256, '0'.repeat(64));
  await fixture.write('config/corne.keymap', 'KEYMAP');
  const now = (await new InputReader(undefined, known).file(file))!;
  t.deepEqual([now.sha256, now.stamp === seen.stamp], [(await new InputReader().file(file))!.sha256, false]);
});

test('an input that was just written is not settled, because it may be written again at the same timestamp', async t => {
  const fixture = await createCompileFixture(t);
  const file = path.join(fixture.configDirectory, 'config/corne.keymap');
  let reader: InputReader;
  let begun: number;
  // On a machine that is paused for so long it is settled.
  do {
    begun = Date.now();
    await fixture.write('config/corne.keymap', 'edited');
    reader = new InputReader();
    await reader.file(file);
  } while (Date.now() - begun >= SETTLED_MS);
  t.false((await reader.file(file))!.isSettled);
  t.is((await reader.settled([file])).size, 0);
});

for (const [what, edit] of [
  ['written', (fixture: CompileFixture) => fixture.write('config/corne.keymap', 'edited')],
  ['written with as many bytes', (fixture: CompileFixture) => fixture.write('config/corne.keymap', 'KEYMAP')],
  ['removed', (fixture: CompileFixture) => fixture.remove('config/corne.keymap')],
] as const) {
  test(`an input that is ${what} between the description and the compile is built as it then is`, async t => {
    const fixture = await createCompileFixture(t);
    const { described } = await missed(t, fixture, LEFT);
    await settle(described, fixture);
    await edit(fixture);
    const result = await fixture.compile(LEFT, { described });
    t.like(result, { ok: true, source: 'compiled', stored: what !== 'removed' });
    t.deepEqual(await fixture.why(), what === 'removed' ? ['never built here'] : []);
    await fixture.write('config/corne.keymap', 'keymap');
    t.not((await fixture.why()).length, 0, 'and not found for what was described');
  });
}

test('a file that is added between the description and the compile prevents the result from being stored', async t => {
  const fixture = await createCompileFixture(t);
  const { described } = await missed(t, fixture, LEFT);
  await fixture.write('config/corne.conf', 'CONFIG_X=y');
  t.like(await fixture.compile(LEFT, { described }), { ok: true, stored: false });
  t.deepEqual(await fixture.why(), ['never built here']);
});

test('a result that another build stored between the description and the compile is not compiled again', async t => {
  const fixture = await createCompileFixture(t);
  const { described } = await missed(t, fixture, LEFT);
  t.like(await fixture.compile(), { ok: true, source: 'compiled' });
  t.like(await fixture.compile(LEFT, { described }), { ok: true, source: 'cache' });
  t.is(fixture.toolchain.runs, 1);
});

test('a toolchain that cannot give its identity or its inputs gives a failure instead of a description', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.declaredInputs = () => Promise.reject(new GloveboxError('GLOVEBOX_TEST', 'Too many.'));
  t.like(await fixture.service().describe(LEFT), { ok: false, reason: 'inputs' });
  fixture.toolchain.identity = () => Promise.reject(new GloveboxError('GLOVEBOX_TEST', 'Too many.'));
  t.like(await fixture.service().describe(LEFT), { ok: false, reason: 'cannot-start' });
  t.like(await fixture.service().describe(LEFT, AbortSignal.abort()), { ok: false, reason: 'cancelled' });
});

/** A target that is not in the cache, as a build finds it. */
async function missed(t: ExecutionContext, fixture: CompileFixture, target: Target) {
  const service = fixture.service();
  t.like(await service.restore(target, fixture.root), { ok: false });
  const described = await service.describe(target);
  if ('reason' in described) throw t.fail((described as CompileResult & { ok: false }).message);
  return { service, described };
}

/** Makes all inputs settled, which takes seconds otherwise. */
async function settle(described: DescribedTarget, { configDirectory }: CompileFixture): Promise<void> {
  const reader = new InputReader();
  const files = described.declared.paths.map(stored => path.join(configDirectory, stored));
  const states = files.map(async file => [file, { ...(await reader.file(file))!, isSettled: true }] as const);
  described.files = new Map(await Promise.all(states));
}
