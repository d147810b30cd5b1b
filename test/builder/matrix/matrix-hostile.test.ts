// Hostile build.yaml: whatever takes its place ends in a message that names it, within a second.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readMatrix } from '../../../src/builder/index.ts';
import { fuzz, HOSTILE_PLACES, HOSTILE_TEXTS, inPlace, readWithinASecond } from '../../config/hostile.ts';
import { some } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test.serial('texts made to exhaust the reader of build.yaml end in a message with file and line', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'build.yaml');
  for (const [what, text] of some(Object.entries(HOSTILE_TEXTS), 14)) {
    await inPlace(file, place => writeFile(place, text));
    const error = await readWithinASecond(t, what, file, () => readMatrix(directory));
    t.is(error?.code, 'GLOVEBOX_MATRIX', what);
    t.regex(error?.message.slice(file.length) ?? '', /^:\d+: /, what);
  }
});

test.serial('anything but a file in place of build.yaml ends in a message that names it', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'build.yaml');
  for (const [what, put] of Object.entries(HOSTILE_PLACES)) {
    await inPlace(file, put);
    const error = await readWithinASecond(t, what, file, () => readMatrix(directory));
    t.is(error?.code, 'GLOVEBOX_MATRIX', what);
  }
});

test.serial('a random change of build.yaml ends well or in a message that names the file', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'build.yaml');
  const valid = [
    `include:
  - &left { board: nice_nano_v2, shield: corne_left nice_view, snippet: studio-rpc-usb-uart }
  - <<: *left
    shield: corne_right
    cmake-args: >-
      -DCONFIG_A=y
      -DCONFIG_B=y
    artifact-name: right
`,
    'board: [ "a", b ]\nshield: [c, d, 7]\nexclude:\n  - { board: a, shield: c }\ninclude: []\n',
  ];
  await fuzz(valid, async text => {
    await writeFile(file, text);
    await readWithinASecond(t, JSON.stringify(text.toString()), file, () => readMatrix(directory));
  });
});
