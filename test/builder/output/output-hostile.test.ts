// The output directory as a boundary: nothing is written outside of it, by a name, a link or a duplicate.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { checkArtifacts, emptyDirectory } from '../../../src/builder/incremental/staging.ts';
import { ArtifactNameError, assertArtifactName } from '../../../src/builder/output/firmware.ts';
import { LogDirectory } from '../../../src/builder/output/logs.ts';
import { OutputDirectory } from '../../../src/builder/output/output.ts';
import type { Artifact } from '../../../src/builder/toolchains/toolchain.ts';
import { runs } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { compileHalf, createProject } from '../project.ts';

const REFUSED = [
  '',
  '.',
  '..',
  '../escaped.uf2',
  '..\\escaped.uf2',
  'a/../../escaped.uf2',
  '/tmp/escaped.uf2',
  'C:\\escaped.uf2',
  'C:escaped.uf2',
  'left.uf2:stream',
  'a\0b.uf2',
  'a\nb.uf2',
  'a\u0085b.uf2',
  'a\u2028b.uf2',
  'left.uf2.',
  'left.uf2 ',
  '...',
  'con',
  'NUL.uf2',
  'nul .uf2',
  'COM1.elf',
  'lpt¹.uf2',
  'half \ud800 a pair',
  'x'.repeat(300),
  'é'.repeat(128),
  '.glovebox-1-x',
  '.GLOVEBOX-1-x',
];

for (const name of REFUSED) {
  test(`the artifact name ${JSON.stringify(name.slice(0, 20))} is refused, with the reason`, t => {
    const error = t.throws(() => assertArtifactName(name), { instanceOf: ArtifactNameError });
    t.regex(error.message, /Use a plain file name/);
  });
}

test('look-alikes of dots and slashes are ordinary letters', t => {
  for (const name of ['．．／a.uf2', '․․∕a.uf2', '‥⁄a.uf2', '℀.uf2', 'ﬁrm.uf2'])
    t.notThrows(() => assertArtifactName(name));
});

/** Names of all kinds, mostly dangerous ones composed of the pieces that make them so. */
const names = fc.oneof(
  fc.constantFrom(...REFUSED),
  fc
    .array(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        '\0',
        '\n',
        '／',
        '․',
        'e\u0301',
        '\u00e9',
        'nul',
        'CON',
        ' ',
        ':',
        '~',
        '-',
        'left',
        '.uf2',
        '\u202e',
        'x'.repeat(100),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

test('whatever an artifact is called, the result is one file in the output directory or nothing', async t => {
  const root = await temporaryDirectory(t);
  await fc.assert(
    fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 3 }), async wanted => {
      const place = await mkdtemp(path.join(root, 'place-'));
      const output = await OutputDirectory.open(path.join(place, 'firmware'));
      const directory = output.stage();
      let staged = await make(wanted, directory);
      try {
        checkArtifacts(staged, directory);
      } catch (error) {
        if (!(error as { code?: string }).code?.startsWith('GLOVEBOX_ARTIFACT')) throw error;
        emptyDirectory(directory);
        staged = [];
      }
      const files = output.publish(
        'left',
        staged.map(artifact => artifact.path),
      );
      await output.close();
      t.true(files.every(file => path.dirname(file) === output.path));
      t.deepEqual(await readdir(place), files.length > 0 ? ['firmware'] : []);
      const written = files.length > 0 ? await readdir(output.path) : [];
      t.deepEqual(written.sort(), staged.map(({ name }) => name).sort());
      t.true(files.length === 0 || files.length === wanted.length, 'all or none');
    }),
    { numRuns: runs(30, 150), seed: 5 },
  );
  t.true((await readdir(root)).every(name => name.startsWith('place-')));
});

/** The compile of a toolchain with these artifact names: files exist for those that are valid names in the directory. */
async function make(names: readonly string[], directory: string): Promise<Artifact[]> {
  const artifacts = names.map(name => ({ name, path: path.join(directory, name) }));
  for (const { name, path: file } of artifacts) {
    const isOneFile =
      path.dirname(file) === directory && path.basename(file) === name && !name.includes('\0');
    if (isOneFile && Buffer.byteLength(name) <= 255) await writeFile(file, 'firmware');
  }
  return artifacts;
}

for (const [what, one, other] of [
  ['the same', 'left.uf2', 'left.uf2'],
  ['in upper case', 'left.uf2', 'LEFT.UF2'],
  ['in another form of Unicode', 'clavi\u00e9.uf2', 'clavie\u0301.uf2'],
  ['with a letter that has no lower case of its own', 'ſplit.uf2', 'split.uf2'],
] as const) {
  test(`two artifacts whose names are ${what} are refused, within one target and across two`, async t => {
    const root = await temporaryDirectory(t);
    const output = await OutputDirectory.open(path.join(root, 'firmware'));
    const directory = output.stage();
    const both = await make([one, other], directory);
    t.throws(() => checkArtifacts(both, directory), { code: 'GLOVEBOX_ARTIFACT' });

    const stage = async (name: string) => (await make([name], output.stage()))[0]!.path;
    output.publish('left', [await stage(one)]);
    const right = await stage(other);
    t.throws(() => output.publish('right', [right]), {
      code: 'GLOVEBOX_OUTPUT',
      message: `Both left and right make ${other}. Have the toolchain name its artifacts by target ({name}).`,
    });
    await output.close();
    t.deepEqual(await readdir(output.path), [one]);
  });
}

test.serial(
  'links of every kind in the output directory are replaced, by compiled and by cached firmware',
  async t => {
    const project = await createProject(t, { onRun: compileHalf });
    const outside = path.join(project.root, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'victim'), 'untouched');
    const firmware = path.join(project.directory, 'firmware');
    await mkdir(firmware);
    for (const target of [
      path.join(outside, 'victim'),
      outside,
      path.join(outside, 'not-there'),
      'left.uf2',
    ]) {
      for (const source of ['once', 'again']) {
        await symlink(target, path.join(firmware, 'left.uf2'));
        t.like(await project.start().done, { failed: 0 }, `${target}, ${source}`);
        t.is((await project.output())!['left.uf2'], 'left: keymap left');
        t.deepEqual(await readdir(outside), ['victim']);
        t.is(await readFile(path.join(outside, 'victim'), 'utf8'), 'untouched');
        await rm(path.join(firmware, 'left.uf2'));
      }
    }
  },
);

test.serial('removing stale files of an earlier build does not follow links that look like them', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const outside = path.join(project.root, 'outside');
  await mkdir(outside);
  await writeFile(path.join(outside, 'victim'), 'untouched');
  await mkdir(path.join(project.directory, 'firmware'));
  await symlink(outside, path.join(project.directory, 'firmware', '.glovebox-999999999-aaaaaa'));
  t.like(await project.start().done, { compiled: 2 });
  t.deepEqual(await readdir(outside), ['victim']);
});

test('logs are not written through links, nor where other users can plant them', async t => {
  const root = await temporaryDirectory(t);
  const outside = path.join(root, 'outside');
  const caches = path.join(root, 'caches');
  await mkdir(outside, { mode: 0o700 });
  const open = async () => {
    const logs = await LogDirectory.open(caches, '/corne', root);
    t.teardown(() => logs.close());
    return logs.path;
  };
  await mkdir(caches, { mode: 0o700 });
  const usual = await open();
  t.is(path.dirname(path.dirname(usual)), caches);
  await chmod(caches, 0o777);
  t.false((await open()).startsWith(caches));
  await chmod(caches, 0o700);
  await rm(path.join(caches, 'logs'), { recursive: true });
  await symlink(outside, path.join(caches, 'logs'));
  t.false((await open()).startsWith(caches));
  await rm(path.join(caches, 'logs'));
  await mkdir(path.join(caches, 'logs'), { mode: 0o700 });
  await symlink(outside, usual);
  t.false((await open()).startsWith(caches));
  t.is(await open().then(path.dirname), tmpdir());
});
