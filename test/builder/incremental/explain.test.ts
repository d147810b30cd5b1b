import test from 'ava';
import { baseDifferences } from '../../../src/builder/incremental/explain.ts';
import type { BaseInputs } from '../../../src/builder/incremental/fingerprint.ts';

const ZMK = 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334';
const LATER = 'd4e5f60718293a4b5c6d7e8f900112233445566a';

/** The fingerprint parts of a build with this toolchain. */
function base(toolchain: Record<string, unknown>): BaseInputs {
  return { schema: 1, kind: 'west', target: { board: 'nice_nano_v2', artifactName: 'left' }, toolchain };
}

const program = (sha256: string, version: string) => ({ sha256, version });
const sdk = (version: string, sha256 = '1') => ({ version, compiler: program(sha256, 'gcc 12') });
const workspace = (projects: Record<string, unknown>) => ({
  workspace: { manifest: 'm', settings: 's', projects },
});

for (const [what, before, now, expected] of [
  [
    'a project that is at another commit has moved',
    workspace({ zmk: { head: ZMK }, zephyr: { head: ZMK } }),
    workspace({ zmk: { head: LATER }, zephyr: { head: ZMK } }),
    ['zmk moved a1b2c3d → d4e5f60'],
  ],
  [
    'edits in a project are reported with their files',
    workspace({ zmk: { head: ZMK } }),
    workspace({ zmk: { head: ZMK, changes: { digest: 'x', count: 1, files: ['app/src/keymap.c'] } } }),
    ['zmk has other uncommitted changes: app/src/keymap.c'],
  ],
  [
    'another image is reported without its digest',
    { image: 'sha256:1' },
    { image: 'sha256:2' },
    ['new image digest'],
  ],
  [
    'another version of a program is reported by its name',
    { tools: { west: program('1', 'West version: v1.2.0'), cmake: program('1', 'cmake version 3.25.1') } },
    { tools: { west: program('1', 'West version: v1.2.0'), cmake: program('2', 'cmake version 3.30.0') } },
    ['cmake changed: cmake version 3.25.1 → cmake version 3.30.0'],
  ],
  [
    'another program with the same version is reported as such',
    { tools: { dtc: program('1', '1.6.1'), gperf: null, protoc: program('1', '3') } },
    { tools: { dtc: program('2', '1.6.1'), gperf: program('1', '3.1'), protoc: null } },
    ['dtc is a different program of the same version (1.6.1)', 'gperf was installed', 'protoc was removed'],
  ],
  [
    'another SDK and other Python packages are reported by their versions',
    { sdks: [sdk('0.16.8')], python: { version: '3.11.2', packages: { west: '1.2.0', protobuf: null } } },
    { sdks: [sdk('0.17.0')], python: { version: '3.12.0', packages: { west: '1.3.0', protobuf: '5.1' } } },
    [
      'Zephyr SDKs changed: 0.16.8 → 0.17.0',
      'Python changed: 3.11.2 → 3.12.0',
      'the Python package west changed: 1.2.0 → 1.3.0',
      'the Python package protobuf changed',
    ],
  ],
  [
    'an SDK of the same version is reported as another one',
    { sdks: [sdk('0.16.8')] },
    { sdks: [sdk('0.16.8', '2')] },
    ['the Zephyr SDK is a different one of the same version (0.16.8)'],
  ],
  [
    'a repository that has become a module is reported by the file that makes it one',
    { isModule: false, command: ['build'] },
    { isModule: true, command: ['build', '-DZMK_EXTRA_MODULES={repository}'] },
    ['zephyr/module.yml was added'],
  ],
  [
    'a repository that is not a module any more is reported by the same file',
    { isModule: true, command: ['build', '-DZMK_EXTRA_MODULES={repository}'] },
    { isModule: false, command: ['build'] },
    ['zephyr/module.yml was removed'],
  ],
  [
    'another command is reported when nothing else explains the compile',
    { command: ['build', '-s', 'zmk/app'] },
    { command: ['build', '-s', 'app'] },
    ['toolchain command changed'],
  ],
  [
    'another environment is reported by its variable',
    { environment: { CFLAGS: '-O2' } },
    { environment: { CFLAGS: '-Os' } },
    ['toolchain environment.CFLAGS changed: -O2 → -Os'],
  ],
  ['no difference gives no reason', workspace({ zmk: { head: ZMK } }), workspace({ zmk: { head: ZMK } }), []],
] as const) {
  test(what, t => t.deepEqual(baseDifferences(base(before), base(now)), [...expected]));
}

test("a change of Glovebox's record format is the only reason given", t => {
  const now = base({ program: 'b' });
  t.deepEqual(baseDifferences({ ...base({ program: 'a' }), schema: 0 }, now), [
    'Glovebox now stores builds in a different form',
  ]);
});

test('records in another format are reported as different, and nothing breaks', t => {
  const now = base(workspace({ zmk: { head: ZMK } }));
  for (const stored of [
    { workspace: 1 },
    { workspace: null },
    workspace({ zmk: 7 }),
    workspace({ zmk: { head: 1 } }),
    { workspace: { projects: { zmk: { head: ZMK, changes: { digest: 'x' } } } } },
  ]) {
    t.true(baseDifferences(base(stored), now).length > 0);
  }
});
