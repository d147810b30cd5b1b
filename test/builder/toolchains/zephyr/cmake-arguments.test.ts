// cmake-args as they are written for GitHub mean the same here.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what a shell replaces.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { ToolchainError } from '../../../../src/builder/toolchains/index.ts';
import { cmakeArguments } from '../../../../src/builder/toolchains/zephyr/cmake-arguments.ts';

const PLACES = { repository: '/home/me/my keyboards', config: '/tmp/copy/keymaps', configPath: 'keymaps' };
const read = (cmakeArgs: string) => cmakeArguments({ board: 'b', artifactName: 'left', cmakeArgs }, PLACES);

const cases: [cmakeArgs: string, words: string[]][] = [
  [
    '-DKEYMAP_FILE=$GITHUB_WORKSPACE/keymaps/a.keymap',
    ['-DKEYMAP_FILE=/home/me/my keyboards/keymaps/a.keymap'],
  ],
  [
    '-DX="${GITHUB_WORKSPACE}/x;$GITHUB_WORKSPACE" -DY=1',
    ['-DX=/home/me/my keyboards/x;/home/me/my keyboards', '-DY=1'],
  ],
  ["-DX='$GITHUB_WORKSPACE'", ['-DX=$GITHUB_WORKSPACE']],
  [
    String.raw`-DX=\$GITHUB_WORKSPACE "\${GITHUB_WORKSPACE}"`,
    ['-DX=$GITHUB_WORKSPACE', '${GITHUB_WORKSPACE}'],
  ],
  // The checkout in the runner's container, under any repository name.
  ['-DX=/__w/zmk-config/zmk-config/a', ['-DX=/home/me/my keyboards/a']],
  ["-DX='/__w/a.b/a.b;/__w/a.b/a.b/c'", ['-DX=/home/me/my keyboards;/home/me/my keyboards/c']],
  [
    '-DX=/__w/one/other -DY=/x/__w/a/a -DZ=/__w/a/ab',
    ['-DX=/__w/one/other', '-DY=/x/__w/a/a', '-DZ=/__w/a/ab'],
  ],
  // Relative to the application, beside which the workflow has the keymaps.
  ['-DEXTRA_CONF_FILE=../../keymaps/a.conf', ['-DEXTRA_CONF_FILE=/tmp/copy/keymaps/a.conf']],
  [
    '-DEXTRA_DTC_OVERLAY_FILE:STRING="../../keymaps/a;../../keymaps;b"',
    ['-DEXTRA_DTC_OVERLAY_FILE:STRING=/tmp/copy/keymaps/a;/tmp/copy/keymaps;b'],
  ],
  ['-DX=../../keymaps2/a ../../keymaps/b', ['-DX=../../keymaps2/a', '../../keymaps/b']],
];
for (const [cmakeArgs, words] of cases) {
  test(`cmake-args are split and expanded: ${cmakeArgs}`, t => t.deepEqual(read(cmakeArgs), words));
}

test('a real shell expands the variable in the same way, in a path without blanks', t => {
  for (const text of [
    '$GITHUB_WORKSPACE',
    '"${GITHUB_WORKSPACE}x"',
    "'$GITHUB_WORKSPACE'",
    String.raw`\$GITHUB_WORKSPACE`,
    'a$GITHUB_WORKSPACE"b"',
  ]) {
    const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${text}`], {
      encoding: 'utf8',
      env: { GITHUB_WORKSPACE: '/repo' },
    });
    const words = cmakeArguments(
      { board: 'b', artifactName: 'x', cmakeArgs: text },
      { ...PLACES, repository: '/repo' },
    );
    t.deepEqual(words, printed.trimEnd().split('\n'), text);
  }
});

test('any other variable is refused, because only a job on GitHub has it', t => {
  for (const other of ['$GITHUB_WORKSPACES', '${GITHUB_WORKSPACE:-x}', '$HOME', '$(pwd)']) {
    t.throws(() => read(`-DX=${other}`), { instanceOf: ToolchainError, message: /cmake-args of left/ });
  }
});
