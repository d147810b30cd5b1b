// Safety of the caching compiler: nothing wrong is stored or returned, and a broken cache stops no build.
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type CompileOutcome, FINGERPRINT_SCHEMA } from '../../../src/builder/incremental/index.ts';
import { createCompileFixture, keysOf, LEFT } from './compile-fixture.ts';

test('a result whose inputs changed during the compile is delivered, but not stored', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.write('config/corne.keymap', 'edited meanwhile');
    return succeed();
  };
  const result = await fixture.compile();
  t.true(result.ok && result.source === 'compiled' && !result.stored && result.files.length === 1);
  const [warning] = fixture.events.filter(event => event.type === 'warning');
  t.regex(warning?.message ?? '', /left is not kept .*config\/corne\.keymap changed while it was compiled/);
  for (const content of ['keymap', 'edited meanwhile']) {
    await fixture.write('config/corne.keymap', content);
    t.deepEqual(await fixture.why(), ['never built here']);
  }
});

test('a change that is undone before the compiler ends is noticed', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.write('config/corne.keymap', 'for a moment');
    const outcome = await succeed();
    await fixture.write('config/corne.keymap', 'keymap');
    return outcome;
  };
  const result = await fixture.compile();
  t.true(result.ok && !result.stored);
  t.deepEqual(await fixture.why(), ['never built here']);
});

test('a file that is created or removed during the compile is noticed', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.write('config/corne.conf', '');
    return succeed();
  };
  t.like(await fixture.compile(), { ok: true, stored: false });
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.remove('config/corne.conf');
    return succeed();
  };
  t.like(await fixture.compile(), { ok: true, stored: false });
});

test('changes to files that the compiler did not read do not prevent storing', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.observed = { files: ['config/corne.keymap'] };
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.write('config/right.h', 'edited meanwhile');
    return succeed();
  };
  t.like(await fixture.compile(), { ok: true, stored: true });
});

test('an undeclared file that is written during the compile is noticed', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.observed = { files: ['config/corne.keymap', 'generated.h'] };
  fixture.toolchain.script = async (_, succeed) => {
    await fixture.write('generated.h', 'x');
    return succeed();
  };
  t.like(await fixture.compile(), { ok: true, stored: false });
});

test('files that the compiler wrote and read in its own build directory do not count', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (job, succeed) => {
    const generated = path.join(job.buildDirectory, 'generated.h');
    await writeFile(generated, '');
    const outcome = await succeed();
    const files = [path.join(fixture.configDirectory, 'config/corne.keymap'), generated];
    return outcome.ok ? { ...outcome, observed: { files, directories: [], absent: [] } } : outcome;
  };
  t.like(await fixture.compile(), { ok: true, stored: true });
  t.like(await fixture.compile(), { ok: true, source: 'cache' });
});

test('a failed compile is not stored, and none of its files are delivered', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async job => {
    await writeFile(path.join(job.artifactDirectory, 'left.uf2'), 'half');
    return { ok: false, reason: 'exit-status', message: 'It failed.', exitCode: 2, lastLines: ['oops'] };
  };
  const result = await fixture.compile();
  t.like(result, { ok: false, reason: 'exit-status', exitCode: 2, lastLines: ['oops'] });
  t.deepEqual(await readdir(fixture.directory), []);
  t.deepEqual(await fixture.why(), ['never built here']);
  await fixture.compile();
  t.is(fixture.toolchain.runs, 2);
});

test('damaged firmware is compiled again and never delivered', async t => {
  const fixture = await createCompileFixture(t);
  const [, content] = await fixture.firmwareOf();
  const [blob] = await fixture.blobs();
  const bytes = await readFile(blob!);
  bytes[0]! ^= 1;
  await writeFile(blob!, bytes);
  t.deepEqual(await fixture.firmwareOf(), ['compiled', content]);
  t.deepEqual(await fixture.firmwareOf(), ['cache', content]);
});

test('firmware with a missing file is compiled again as a whole', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (job, succeed) => {
    const outcome = await succeed();
    if (!outcome.ok) return outcome;
    const elf = path.join(job.artifactDirectory, 'left.elf');
    await writeFile(elf, 'symbols');
    return { ...outcome, artifacts: [...outcome.artifacts, { name: 'left.elf', path: elf }] };
  };
  await fixture.compile();
  for (const blob of await fixture.blobs()) {
    if ((await readFile(blob, 'utf8')) === 'symbols') await truncate(blob, 1);
  }
  const directory = path.join(fixture.root, 'restored');
  await fixture.write('../restored/.keep', '');
  t.like(await fixture.service().restore(LEFT, directory), { ok: false });
  t.deepEqual(await readdir(directory), ['.keep'], 'all or none');
  t.like(await fixture.compile(), { ok: true, source: 'compiled' });
  t.deepEqual((await readdir(fixture.directory)).sort(), ['left.elf', 'left.uf2']);
});

test('records in another format are ignored', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf();
  const values = [
    null,
    'x',
    7,
    [],
    { schema: FINGERPRINT_SCHEMA, candidates: [{}], stored: 1, names: [] },
    { schema: 1, artifacts: [{ name: '../x' }] },
  ];
  // Some records are stored as values, some as JSON.
  for (const value of [...values, ...values.map(form => JSON.stringify(form)), '{"schema":']) {
    for (const cache of [fixture.builds.cache, fixture.firmware.cache]) {
      for (const key of await keysOf(cache)) {
        if ((await cache.metadata(key))?.kind === 'value') await cache.set(key, value);
      }
    }
    t.like(await fixture.compile(), { ok: true, source: 'compiled' }, `with ${JSON.stringify(value)} stored`);
  }
});

test('without caches every target is compiled', async t => {
  const fixture = await createCompileFixture(t, { enabled: false });
  t.is((await fixture.firmwareOf())[0], 'compiled');
  t.is((await fixture.firmwareOf())[0], 'compiled');
});

test('unusable caches stop nothing', async t => {
  const fixture = await createCompileFixture(t);
  await writeFile(fixture.options.cacheRoot!, 'a file is not a directory');
  t.like(await fixture.compile(), { ok: true, source: 'compiled', stored: false });
});

test('an unreadable input is an error', async t => {
  const fixture = await createCompileFixture(t);
  await symlink('loop', path.join(fixture.configDirectory, 'config/loop'));
  fixture.toolchain.declaredInputs = async () => [path.join(fixture.configDirectory, 'config/loop')];
  const result = await fixture.compile();
  t.like(result, { ok: false, reason: 'inputs' });
  t.regex(result.ok ? '' : result.message, /config\/loop/);
  t.is(fixture.toolchain.runs, 0);
});

const artifacts: [what: string, make: (made: string) => Promise<{ name: string; path: string }>][] = [
  [
    'a name that leads elsewhere',
    async made => ({ name: '../escaped.uf2', path: path.join(made, 'left.uf2') }),
  ],
  ['a name that is a path', async made => ({ name: '/tmp/escaped.uf2', path: path.join(made, 'left.uf2') })],
  ['a name with NUL', async made => ({ name: 'a\0b', path: path.join(made, 'left.uf2') })],
  ['no name', async made => ({ name: '', path: path.join(made, 'left.uf2') })],
  ['a file elsewhere', async () => ({ name: 'passwd', path: '/etc/passwd' })],
  [
    'a link',
    async made => {
      await symlink('/etc/passwd', path.join(made, 'link.uf2'));
      return { name: 'link.uf2', path: path.join(made, 'link.uf2') };
    },
  ],
  [
    'a file behind a link',
    async made => {
      await symlink('/etc', path.join(made, 'etc'));
      return { name: 'passwd', path: path.join(made, 'etc/passwd') };
    },
  ],
  [
    'a directory',
    async made => {
      await mkdir(path.join(made, 'folder'));
      return { name: 'folder', path: path.join(made, 'folder') };
    },
  ],
];
for (const [what, make] of artifacts) {
  test(`an artifact with ${what} is refused`, async t => {
    const fixture = await createCompileFixture(t);
    fixture.toolchain.script = async (job, succeed): Promise<CompileOutcome> => {
      const outcome = await succeed();
      if (!outcome.ok) return outcome;
      return { ...outcome, artifacts: [...outcome.artifacts, await make(job.artifactDirectory)] };
    };
    t.like(await fixture.compile(), { ok: false, reason: 'output' });
    t.deepEqual(await readdir(fixture.directory), []);
    t.deepEqual(await fixture.why(), ['never built here']);
  });
}

test('two artifacts with the same name are refused', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (_, succeed) => {
    const outcome = await succeed();
    return outcome.ok ? { ...outcome, artifacts: [...outcome.artifacts, ...outcome.artifacts] } : outcome;
  };
  const result = await fixture.compile();
  t.regex(result.ok ? '' : result.message, /Two artifacts are named left\.uf2/);
});
