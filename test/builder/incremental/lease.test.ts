// Concurrent requests for the same target: it is compiled once.
import test from 'ava';
import type { CompileOutcome } from '../../../src/builder/incremental/index.ts';
import { createCompileFixture, LEFT } from './compile-fixture.ts';

type Fixture = Awaited<ReturnType<typeof createCompileFixture>>;

/** Begins a compile, which goes on until `finish` is called, with `outcome` or else successfully. Later ones succeed at once. */
async function beginCompile(fixture: Fixture, outcome?: CompileOutcome) {
  const { toolchain } = fixture;
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  toolchain.script = async (_, succeed) => {
    if (toolchain.runs > 1) return succeed();
    started.resolve();
    await finish.promise;
    return outcome ?? succeed();
  };
  const result = fixture.compile();
  await started.promise;
  return { result, finish: finish.resolve };
}

test('two concurrent requests compile once, and the second one waits', async t => {
  const fixture = await createCompileFixture(t);
  const first = await beginCompile(fixture);
  const waiting = Promise.withResolvers<number>();
  const second = fixture.compile(LEFT, {
    onEvent: event => {
      if (event.type === 'waiting') waiting.resolve(event.pid);
    },
  });
  t.is(await waiting.promise, process.pid);
  first.finish();
  t.like(await first.result, { ok: true, source: 'compiled' });
  t.like(await second, { ok: true, source: 'waited' });
  t.is(fixture.toolchain.runs, 1);
});

test('when the first request fails, the second one tries', async t => {
  const fixture = await createCompileFixture(t);
  const failure: CompileOutcome = { ok: false, reason: 'exit-status', message: 'It failed.', lastLines: [] };
  const first = await beginCompile(fixture, failure);
  const waiting = Promise.withResolvers<void>();
  const second = fixture.compile(LEFT, { onEvent: event => event.type === 'waiting' && waiting.resolve() });
  await waiting.promise;
  first.finish();
  t.like(await first.result, { ok: false, reason: 'exit-status' });
  t.like(await second, { ok: true, source: 'compiled' });
});

test('a waiting request can be cancelled, and the compile goes on', async t => {
  const fixture = await createCompileFixture(t);
  const first = await beginCompile(fixture);
  const cancellation = new AbortController();
  const second = fixture.compile(LEFT, {
    signal: cancellation.signal,
    onEvent: event => event.type === 'waiting' && cancellation.abort(),
  });
  t.like(await second, { ok: false, reason: 'cancelled' });
  first.finish();
  t.like(await first.result, { ok: true, source: 'compiled', stored: true });
  t.is(fixture.toolchain.runs, 1);
});

test('a cancelled compile settles when its compiler has ended, and stores nothing', async t => {
  const fixture = await createCompileFixture(t);
  const cancellation = new AbortController();
  let compilerEnded = false;
  fixture.toolchain.script = async job => {
    cancellation.abort();
    t.true(job.signal.aborted);
    await new Promise(resolve => setImmediate(resolve));
    compilerEnded = true;
    return { ok: false, reason: 'cancelled', message: '', lastLines: [] };
  };
  t.like(await fixture.compile(LEFT, { signal: cancellation.signal }), { ok: false, reason: 'cancelled' });
  t.true(compilerEnded);
  t.deepEqual(await fixture.why(), ['never built here']);
});

test('a request that is cancelled before it begins starts no compiler', async t => {
  const fixture = await createCompileFixture(t);
  t.like(await fixture.compile(LEFT, { signal: AbortSignal.abort() }), { ok: false, reason: 'cancelled' });
  t.is(fixture.toolchain.runs, 0);
});
