// Hostile config files: whatever takes their place ends in a message that names it, within a second.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { loadUserConfig } from '../../src/config/load-user-config.ts';
import { some } from '../support/extent.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { fuzz, HOSTILE_PLACES, HOSTILE_TEXTS, inPlace, readWithinASecond } from './hostile.ts';

for (const name of ['glovebox.config.yaml', 'glovebox.config.json']) {
  test.serial(`texts made to exhaust the reader of ${name} end in a message that names it`, async t => {
    const directory = await temporaryDirectory(t);
    const file = path.join(directory, name);
    const read = () => loadUserConfig({ directory, userDirectory: path.join(directory, 'none') });
    for (const [what, text] of some(Object.entries(HOSTILE_TEXTS), 14)) {
      await inPlace(file, place => writeFile(place, text));
      t.is((await readWithinASecond(t, what, file, read))?.code, 'GLOVEBOX_CONFIG', what);
    }
  });

  test.serial(`anything but a file in place of ${name} ends in a message that names it`, async t => {
    const directory = await temporaryDirectory(t);
    const file = path.join(directory, name);
    const read = () => loadUserConfig({ directory, userDirectory: path.join(directory, 'none') });
    for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
      await inPlace(file, put);
      t.is((await readWithinASecond(t, what, file, read))?.code, 'GLOVEBOX_CONFIG', what);
    }
  });
}

test.serial("the user's own config file is read with the same care", async t => {
  const directory = await temporaryDirectory(t);
  const userDirectory = path.join(directory, 'user');
  await mkdir(userDirectory);
  const file = path.join(userDirectory, 'config.yaml');
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(file, put);
    const error = await readWithinASecond(t, what, file, () => loadUserConfig({ directory, userDirectory }));
    t.is(error?.code, 'GLOVEBOX_CONFIG', what);
  }
});

test.serial('a package.json that is not a file is skipped', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'package.json');
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(file, put);
    const config = await loadUserConfig({ directory, userDirectory: path.join(directory, 'none') });
    t.deepEqual(config.sources, [], what);
  }
});

test.serial('binary content is reported with the line where it begins', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'glovebox.config.yaml');
  await writeFile(
    file,
    Buffer.concat([Buffer.from('build:\n  # größer\n  jobs: 3 '), Buffer.from([0xc3, 0x28])]),
  );
  await t.throwsAsync(loadUserConfig({ directory, userDirectory: `${directory}/none` }), {
    message: `${file}:3:1: this is not UTF-8 text. Save it as UTF-8.`,
  });
});

test.serial('a byte order mark and CR LF are not mistakes', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(path.join(directory, 'glovebox.config.yaml'), '\ufeffbuild:\r\n  jobs: 3\r\n');
  t.like(await loadUserConfig({ directory, userDirectory: `${directory}/none` }), { build: { jobs: 3 } });
});

test.serial('a random change of a config file ends well or in a message that names the file', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'glovebox.config.yaml');
  const valid = `cache: &c
  directory: store
  maxSize: 500MB
  ttl: 7d
  tags:
    layout: { enabled: false, policy: none, ttl: never }
build: { toolchain: command, jobs: 2, output: out }
toolchains:
  command:
    program: make
    arguments: ['{board}', "{shield}"]
    inputs: ['config/**']
    artifacts:
      - '*.uf2'
`;
  await fuzz([valid], async text => {
    await writeFile(file, text);
    const read = () => loadUserConfig({ directory, userDirectory: path.join(directory, 'none') });
    await readWithinASecond(t, JSON.stringify(text.toString()), file, read);
  });
});
