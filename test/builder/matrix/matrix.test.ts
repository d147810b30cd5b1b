import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { MatrixError, readMatrix } from '../../../src/builder/matrix/matrix.ts';
import type { Target } from '../../../src/builder/matrix/target.ts';
import { runs } from '../../support/extent.ts';

async function directoryFor(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'glovebox-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function read(t: ExecutionContext, yaml: string | Uint8Array): Promise<Target[]> {
  const directory = await directoryFor(t);
  await writeFile(path.join(directory, 'build.yaml'), yaml);
  return readMatrix(directory);
}

/** Reads a matrix, with the warnings about it. */
async function readWarned(t: ExecutionContext, yaml: string) {
  const directory = await directoryFor(t);
  await writeFile(path.join(directory, 'build.yaml'), yaml);
  const warnings: string[] = [];
  const targets = await readMatrix(directory, { onWarning: message => warnings.push(message) });
  return { targets, warnings };
}

/** Reads a matrix that must be refused at this line, with this in the message. */
async function refused(
  t: ExecutionContext,
  yaml: string | Uint8Array,
  line: number | undefined,
  message: RegExp,
) {
  const error = await t.throwsAsync(read(t, yaml), {
    instanceOf: MatrixError,
    code: 'GLOVEBOX_MATRIX',
    message,
  });
  t.is(error?.line, line, error?.message);
  t.true(error?.message.startsWith(`${error.file}${line === undefined ? '' : `:${line}`}: `), error?.message);
  t.is(path.basename(error!.file), 'build.yaml');
}

const names = (targets: Target[]) => targets.map(target => target.artifactName);

test('an include list alone is one target for each entry', async t => {
  const yaml = `
# This file generates the GitHub Actions matrix
---
include:
  - board: nice_nano_v2
    shield: corne_left
  - board: nice_nano_v2
    shield: corne_right nice_view_adapter nice_view
    snippet: studio-rpc-usb-uart
    cmake-args: -DCONFIG_ZMK_STUDIO=y
    artifact-name: right
`;
  t.deepEqual(await read(t, yaml), [
    { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'corne_left-nice_nano_v2-zmk' },
    {
      board: 'nice_nano_v2',
      shield: 'corne_right nice_view_adapter nice_view',
      snippet: 'studio-rpc-usb-uart',
      cmakeArgs: '-DCONFIG_ZMK_STUDIO=y',
      artifactName: 'right',
    },
  ]);
});

test('boards and shields are combined, and the first list varies slowest', async t => {
  const yaml = 'board: [nice_nano_v2, seeeduino_xiao_ble]\nshield: [corne_left, corne_right]\n';
  t.deepEqual(names(await read(t, yaml)), [
    'corne_left-nice_nano_v2-zmk',
    'corne_right-nice_nano_v2-zmk',
    'corne_left-seeeduino_xiao_ble-zmk',
    'corne_right-seeeduino_xiao_ble-zmk',
  ]);
  t.deepEqual(names(await read(t, 'shield: [a, b]\nboard: [x, y]\n')), [
    'a-x-zmk',
    'a-y-zmk',
    'b-x-zmk',
    'b-y-zmk',
  ]);
});

test('every field can be a list', async t => {
  const targets = await read(t, 'board: [b]\nsnippet: [s]\ncmake-args: [c]\nartifact-name: [x, y]\n');
  t.deepEqual(targets, [
    { board: 'b', snippet: 's', cmakeArgs: 'c', artifactName: 'x' },
    { board: 'b', snippet: 's', cmakeArgs: 'c', artifactName: 'y' },
  ]);
});

test("the default artifact name is the same as the workflow's", async t => {
  const yaml = `include:
  - { board: nice_nano//zmk, shield: corne_left nice_view }
  - { board: nrf52840/dk/x }
  - { board: planck@1, shield: '' }
  - { board: a, artifact-name: '' }
`;
  t.deepEqual(names(await read(t, yaml)), [
    'corne_left nice_view-nice_nano__zmk-zmk',
    'nrf52840_dk_x-zmk',
    'planck@1-zmk',
    'a-zmk',
  ]);
});

test('an include entry extends the combinations that it matches, else is its own target, as GitHub documents', async t => {
  // The example of GitHub's documentation: fruit is board, animal is shield, color is snippet, shape is cmake-args.
  const yaml = `
board: [apple, pear]
shield: [cat, dog]
include:
  - snippet: green
  - snippet: pink
    shield: cat
  - board: apple
    cmake-args: circle
  - board: banana
  - board: banana
    shield: cat
`;
  t.deepEqual(
    (await read(t, yaml)).map(({ artifactName: _, ...rest }) => rest),
    [
      { board: 'apple', shield: 'cat', snippet: 'pink', cmakeArgs: 'circle' },
      { board: 'apple', shield: 'dog', snippet: 'green', cmakeArgs: 'circle' },
      { board: 'pear', shield: 'cat', snippet: 'pink' },
      { board: 'pear', shield: 'dog', snippet: 'green' },
      { board: 'banana' },
      { board: 'banana', shield: 'cat' },
    ],
  );
});

test('an include entry never changes an original value, nor extends what another entry added', async t => {
  const yaml = `
board: [one]
include:
  - { board: two, snippet: s }
  - { board: two, cmake-args: c, artifact-name: other }
  - { board: ONE, snippet: found }
`;
  t.deepEqual(await read(t, yaml), [
    { board: 'one', snippet: 'found', artifactName: 'one-zmk' },
    { board: 'two', snippet: 's', artifactName: 'two-zmk' },
    { board: 'two', cmakeArgs: 'c', artifactName: 'other' },
  ]);
});

test('exclude removes combinations before include adds some', async t => {
  const yaml = `
board: [a, b]
shield: [left, right]
exclude:
  - { board: a, shield: left }
  - { board: b }
include:
  - { board: a, shield: left, snippet: s }
`;
  t.deepEqual(await read(t, yaml), [
    { board: 'a', shield: 'right', artifactName: 'right-a-zmk' },
    { board: 'a', shield: 'left', snippet: 's', artifactName: 'left-a-zmk' },
  ]);
  await refused(
    t,
    'board: [a]\nexclude:\n  - shield: x\n',
    3,
    /'exclude' names 'shield', which is not a list/,
  );
  await refused(t, 'board: [a]\nexclude:\n  - board: a\n', 1, /leaves nothing to build/);
});

test('anchors, aliases and merge keys work', async t => {
  const yaml = `
include:
  - &base { board: nano, snippet: s }
  - <<: *base
    shield: left
  - shield: right
    <<: [{ snippet: other }, *base]
  - { board: &b nano, shield: *b }
`;
  t.deepEqual(await read(t, yaml), [
    { board: 'nano', snippet: 's', artifactName: 'nano-zmk' },
    { board: 'nano', shield: 'left', snippet: 's', artifactName: 'left-nano-zmk' },
    { board: 'nano', shield: 'right', snippet: 'other', artifactName: 'right-nano-zmk' },
    { board: 'nano', shield: 'nano', artifactName: 'nano-nano-zmk' },
  ]);
});

test('an empty value counts as absent, and a plain number is text', async t => {
  t.deepEqual(await read(t, 'include:\n  - board: 60\n    shield:\n    snippet: ~\n'), [
    { board: '60', artifactName: '60-zmk' },
  ]);
});

test('a value that looks like a command stays text', async t => {
  const hostile = ['a; rm -rf ~', '$(reboot)', '`id`', `"quoted" 'too'`, '&& true'];
  const yaml = `include:\n${hostile.map((text, index) => `  - { board: b${index}, shield: ${JSON.stringify(text)}, artifact-name: n${index} }\n`).join('')}`;
  t.deepEqual(
    (await read(t, yaml)).map(target => target.shield),
    hostile,
  );
});

test('a missing file is reported with the content that it needs', async t => {
  const directory = await directoryFor(t);
  await t.throwsAsync(readMatrix(directory), {
    instanceOf: MatrixError,
    message: /build\.yaml: does not exist.*board:/s,
  });
  await t.throwsAsync(readMatrix(path.join(directory, 'absent')), {
    instanceOf: MatrixError,
    message: /there is no directory .*absent/,
  });
  await writeFile(path.join(directory, 'build.yml'), 'board: [a]');
  await t.throwsAsync(readMatrix(directory), {
    instanceOf: MatrixError,
    message: /build\.yml does: rename it, or name it with --build-file/,
  });
});

test('anything but a file is not read', async t => {
  const directory = await directoryFor(t);
  await mkdir(path.join(directory, 'build.yaml'));
  await t.throwsAsync(readMatrix(directory), { instanceOf: MatrixError, message: /is not a file/ });
  const other = await directoryFor(t);
  execFileSync('mkfifo', [path.join(other, 'build.yaml')]);
  await t.throwsAsync(readMatrix(other), { instanceOf: MatrixError, message: /is not a file/ });
});

test('an empty file is reported with the content that it needs', async t => {
  for (const yaml of ['', '# nothing\n', '---\n', 'null\n', '\n\n'])
    await refused(t, yaml, 1, /is empty.*board:/s);
  await refused(t, '{}', 1, /names nothing to build.*board:/s);
  await refused(t, 'include: []', 1, /names nothing to build/);
});

test('malformed YAML is reported with its line', async t => {
  await refused(t, 'include:\n  - board: a\n   shield: b\n', 3, /is not valid YAML/);
  await refused(t, 'board: [a\nshield: b\n', 2, /is not valid YAML/);
  await refused(
    t,
    'board: [a]\n---\nboard: [b]\n',
    2,
    /is not valid YAML: it has multiple documents, and only one is read\. Remove the line '---'/,
  );
  await refused(t, 'include:\n  - board: *nowhere\n', 2, /nowhere/);
  await refused(t, Buffer.from([0x62, 0xff, 0xfe]), 1, /is not UTF-8/);
});

test("a field that ZMK's workflow ignores changes nothing, and is reported with the nearest known one", async t => {
  const warned = async (yaml: string) => {
    const { targets, warnings } = await readWarned(t, yaml);
    return [targets, warnings.map(warning => warning.replace(/^.*build\.yaml:/, ''))] as const;
  };
  const known = "ZMK's workflow reads board, shield, snippet, cmake-args, artifact-name.";
  t.deepEqual(
    await warned(`include:
  - board: a
    shield: left
    format: uf2
    keymap: [left, { any: thing }]
    extra_cmake_args: -DX=y
  - board: a
    sheild: right
    format: bin
`),
    [
      [
        { board: 'a', shield: 'left', artifactName: 'left-a-zmk' },
        { board: 'a', artifactName: 'a-zmk' },
      ],
      [
        `4: 'format' is ignored, here and in line 9: ${known}`,
        `5: 'keymap' is ignored: ${known}`,
        `6: 'extra_cmake_args' is ignored: ${known} Did you mean 'cmake-args'?`,
        `8: 'sheild' is ignored: ${known} Did you mean 'shield'?`,
      ],
    ],
  );
  const many = `include:\n${['a', 'b', 'c', 'd', 'e', 'f'].map(board => `  - { board: ${board}, comment: x }\n`).join('')}`;
  t.is((await warned(many))[1][0], `2: 'comment' is ignored, here and in lines 3, 4, 5 and 2 more: ${known}`);
  // Merged into many entries, it is still written once.
  t.deepEqual((await warned('include:\n  - &a { board: x, note: y }\n  - { <<: *a, board: z }\n'))[1], [
    `2: 'note' is ignored: ${known}`,
  ]);
  t.regex((await warned('include:\n  - { board: a, "\\e[2Jx": b }'))[1][0]!, /'\ufffd\[2Jx' is ignored/);
});

test('a field that is ignored takes part in the matrix, as on GitHub', async t => {
  const yaml = `
board: [a, b]
format: [uf2]
include:
  - { format: uf2, snippet: s }
  - { format: hex, board: c }
exclude:
  - { format: uf2, board: b }
`;
  const { targets, warnings } = await readWarned(t, yaml);
  t.deepEqual(targets, [
    { board: 'a', snippet: 's', artifactName: 'a-zmk' },
    { board: 'c', artifactName: 'c-zmk' },
  ]);
  t.is(warnings.length, 1);
  // GitHub builds each of them twice, and both are the same.
  t.deepEqual(names((await readWarned(t, 'board: [a, b]\nformat: [uf2, bin]\n')).targets), [
    'a-zmk',
    'b-zmk',
  ]);
});

test('field names are recognised in capitals too, as on GitHub', async t => {
  t.deepEqual(await read(t, 'Include:\n  - Board: a\n    CMake-Args: -DX=y\n'), [
    { board: 'a', cmakeArgs: '-DX=y', artifactName: 'a-zmk' },
  ]);
  await refused(t, 'include:\n  - board: a\n    BOARD: b\n', 3, /'board' is given twice/);
});

test('a file that GitHub would refuse is refused with the field that was meant', async t => {
  await refused(t, 'boards: [a]', 1, /has no 'board'.* Did you mean 'board' with 'boards'\?/);
  await refused(t, 'boards: a', 1, /'boards' must be a list.* Did you mean 'board'\?/);
  await refused(t, 'include:\n  - cmake_args: b\n', 2, /has no 'board'/);
  await refused(t, 'board: [a]\n[x]: b\n', 2, /the name of a field in the file must be a text/);
});

test("a list at the top level is reported as a missing 'include:'", async t => {
  await refused(t, '- board: a\n  shield: b\n', 1, /: 'include:' is missing: write it .* above this list/);
  await refused(t, '# mine\n---\n- board: a\n', 3, /'include:' is missing/);
});

test('the file may have another name and place, like build_matrix_path of the workflow', async t => {
  const directory = await directoryFor(t);
  await mkdir(path.join(directory, 'ci'));
  await writeFile(path.join(directory, 'ci/corne.yaml'), 'board: [a]\n');
  t.deepEqual(names(await readMatrix(directory, { buildFile: 'ci/corne.yaml' })), ['a-zmk']);
  await t.throwsAsync(readMatrix(directory, { buildFile: 'ci/corn.yaml' }), {
    instanceOf: MatrixError,
    message: /ci\/corn\.yaml: does not exist\. It lists/,
  });
});

test('a value of the wrong type is reported with the allowed ones', async t => {
  await refused(t, 'board: nice_nano', 1, /'board' must be a list, such as 'board: \[nice_nano\]'/);
  await refused(t, '\nboard:\n', 2, /'board' must be a list/);
  await refused(t, 'board: []', 1, /'board' is an empty list/);
  await refused(t, 'board: [a]\nshield: [[b]]', 2, /'shield' must be one text here, not a list/);
  await refused(t, 'include:\n  - board: a\n    shield: [b]', 3, /must be one text here, not a list/);
  await refused(t, 'include:\n  - board: { a: b }', 2, /must be one text here, not a mapping/);
  await refused(
    t,
    'include:\n  - board: true',
    2,
    /'board' must be text, and 'true' is not: put it in quotes/,
  );
  await refused(t, 'include:\n  - board: 1e3', 2, /must be text, and '1e3' is not/);
  await refused(t, 'include:\n  - board: 010', 2, /must be text, and '010' is not/);
  await refused(t, 'include:\n  board: a', 2, /'include' must be a list of targets/);
  await refused(t, 'include:\n', 1, /'include' must be a list of targets/);
  await refused(t, 'include:\n  - a\n', 2, /must be fields with values.*Known are board/);
  await refused(t, 'include:\n  - board: a\n  -\n', 3, /This entry of 'include' is empty/);
  await refused(t, 'include:\n  - {}', 2, /This entry of 'include' is empty/);
  await refused(t, 'just text', 1, /must be fields with values/);
  await refused(t, 'include:\n  - board: a\n    <<: b', 3, /must be fields with values/);
});

test('a duplicate field is reported with its line', async t => {
  await refused(t, 'include:\n  - board: a\n    board: b\n', 3, /'board' is given twice/);
  await refused(t, 'include:\n  - board: a\ninclude:\n  - board: b\n', 3, /'include' is given twice/);
});

test('a target without a board is reported with its line', async t => {
  await refused(t, 'include:\n  - board: a\n  - shield: b\n', 3, /has no 'board'/);
  await refused(t, '\nshield: [a, b]', 2, /has no 'board'/);
  await refused(t, "include:\n  - board: ''\n", 2, /has no 'board'/);
});

test('two targets with one artifact name are refused with both lines', async t => {
  await refused(
    t,
    'include:\n  - board: a\n  - board: a\n    cmake-args: -DX=y\n',
    3,
    /'a-zmk' is taken by the target of line 2\. Give one of them an 'artifact-name'/,
  );
  // Many file systems treat these as one file.
  await refused(t, 'board: [a, A]', 1, /'A-zmk' is taken/);
  await refused(t, 'board: ["\u00e9", "e\u0301"]', 1, /is taken/);
  await refused(t, 'board: [a, b]\nartifact-name: [x]', 1, /'x' is taken/);
});

test('a duplicate target is built once, and reported', async t => {
  const { targets, warnings } = await readWarned(
    t,
    'include:\n  - { board: a, shield: b }\n  - { board: c }\n  - { shield: b, board: a }\n',
  );
  t.deepEqual(names(targets), ['b-a-zmk', 'c-zmk']);
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /build\.yaml:4: this is the target of line 2 again, and built once\.$/);
});

test('an artifact name that is not a safe file name is refused at its line', async t => {
  const named = (name: string) => `include:\n  - board: a\n    artifact-name: ${JSON.stringify(name)}\n`;
  for (const name of ['../evil', '/etc/passwd', 'a/b', 'a\\b', 'c:x', 'a*', 'a?', 'a"b', 'a<b', 'a|b']) {
    await refused(
      t,
      named(name),
      3,
      /the artifact name '.*' contains .\. It becomes a file name: choose another/,
    );
  }
  for (const name of ['.', '..']) await refused(t, named(name), 3, /means a directory/);
  for (const name of ['con', 'NUL', 'com1.left']) await refused(t, named(name), 3, /device on Windows/);
  for (const name of ['a\0b', 'a\nb', 'a\u0085b', '\u001b[2J']) {
    await refused(t, named(name), 3, /'artifact-name' contains a control character/);
  }
  await refused(t, named('x'.repeat(201)), 3, /longer than 200 bytes/);
  await refused(t, named('€'.repeat(67)), 3, /longer than 200 bytes/);
  t.deepEqual(names(await read(t, named('x'.repeat(200)))), ['x'.repeat(200)]);
  await refused(
    t,
    'include:\n  - board: "a:b"\n',
    2,
    /'a:b-zmk' contains :.*give the target an 'artifact-name'/,
  );
  await refused(t, 'include:\n  - { board: a, shield: ../x }\n', 2, /contains \//);
});

test('a value that cannot be passed to a program is refused at its line', async t => {
  await refused(
    t,
    'include:\n  - { board: a, cmake-args: "x\\0y" }',
    2,
    /'cmake-args' contains a control character/,
  );
  await refused(t, 'include:\n  - board: "a\\nb"', 2, /'board' contains a control character/);
  await refused(t, 'include:\n  - board: --help', 2, /'board' begins with '-'/);
  await refused(t, 'include:\n  - board: a\n    artifact-name: -rf', 3, /'artifact-name' begins with '-'/);
});

test("more combinations than GitHub's limit are refused before they are generated", async t => {
  const list = (prefix: string, count: number) =>
    `[${Array.from({ length: count }, (_, index) => prefix + index).join()}]`;
  t.is((await read(t, `board: ${list('b', 16)}\nshield: ${list('s', 16)}`)).length, 256);
  await refused(t, `board: ${list('b', 257)}`, 1, /has 257 combinations; GitHub builds at most 256/);
  await refused(t, `board: ${list('b', 16)}\nshield: ${list('s', 16)}\ninclude:\n  - board: x`, 4, /has 257/);
  const many = ['board', 'shield', 'snippet', 'cmake-args', 'artifact-name'];
  await refused(
    t,
    many.map(name => `${name}: ${list('x', 900)}`).join('\n'),
    2,
    /more than 4096 combinations/,
  );
  await refused(
    t,
    `include: [${'{board: a},'.repeat(1025)}]`,
    1,
    /'include' has 1025 entries; 1024 are allowed/,
  );
});

test('a hostile file is refused within a second', async t => {
  const limit = 64 * 1024;
  const fill = (text: string) => text.repeat(Math.floor(limit / text.length));
  const bomb = ['x: &x0 [a, a]'];
  for (let level = 1; level < 40; level++) {
    bomb.push(`x${level}: &x${level} [${`*x${level - 1},`.repeat(9)}]`);
  }
  const merges = ['include:', '  - &x0 { board: a }'];
  for (let level = 1; level < 40; level++) {
    merges.push(`  - &x${level} { <<: [${`*x${level - 1},`.repeat(9)}] }`);
  }
  const files: Record<string, string> = {
    'deep list': fill('['),
    'deep mapping': fill('{board: '),
    'deep dashes': fill('- '),
    'alias bomb': `board: &y [*x39]\n${bomb.join('\n')}`,
    'merge bomb': merges.join('\n'),
    'many aliases': `include: [&a {board: a}, ${fill('*a,').slice(0, -40)}]`,
    'merging itself': 'include:\n  - &a { <<: *a, board: x }',
    'a long chain': `include:\n  - &x0 { board: a }\n${Array.from({ length: 900 }, (_, at) => `  - &x${at + 1} { <<: *x${at} }`).join('\n')}`,
    'many anchors': `board: [${fill('&a a,').slice(0, -40)}]`,
    'many keys': Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join('\n'),
    'many errors': fill(': : : \n'),
    quotes: fill('"'),
    'one long line': `board: [${'x'.repeat(60_000)}]`,
    'too large': `#${'x'.repeat(limit)}`,
  };
  for (const [name, yaml] of Object.entries(files)) {
    const before = process.cpuUsage();
    const error = await t.throwsAsync(read(t, yaml), { instanceOf: MatrixError }, name);
    const { user, system } = process.cpuUsage(before);
    // CPU time, so that a busy machine does not matter. In AVA other tests of this file run at the same time.
    t.log(
      name,
      Math.round((user + system) / 1000),
      'ms',
      error?.message.slice(0, 150).replace(/.*build.yaml/, ''),
    );
  }
});

test('any text gives a matrix or a MatrixError', async t => {
  const directory = await directoryFor(t);
  const word = fc.constantFrom(
    ...[
      'board',
      'shield',
      'include',
      'exclude',
      ': ',
      '\n',
      '\n  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '&a ',
      '*a',
    ],
    ...['<<', '? ', '| ', '!!x ', '"', "'", '#', '%', 'a', '0', '~', '---\n', '\0', '\u2028', '\ud800'],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 30 }), async words => {
      await writeFile(path.join(directory, 'build.yaml'), words.join(''));
      try {
        t.true((await readMatrix(directory)).length > 0);
      } catch (error) {
        t.true(error instanceof MatrixError, String((error as Error).stack));
      }
    }),
    { numRuns: runs(100, 500), seed: 7 },
  );
});
