import test from 'ava';
import { baseDifferences } from '../../../src/domains/compilation/explain.ts';
import type { BaseInputs } from '../../../src/domains/compilation/fingerprint.ts';

const ZMK = 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334';
const LATER = 'd4e5f60718293a4b5c6d7e8f900112233445566a';

/** What a build with this toolchain is known by. */
function base(toolchain: Record<string, unknown>): BaseInputs {
  return { schema: 1, kind: 'west', target: { board: 'nice_nano_v2', artifactName: 'left' }, toolchain };
}

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
    'edits in a project are told with their files',
    workspace({ zmk: { head: ZMK } }),
    workspace({ zmk: { head: ZMK, changes: { digest: 'x', count: 1, files: ['app/src/keymap.c'] } } }),
    ['zmk has other uncommitted changes: app/src/keymap.c'],
  ],
  [
    'another image is told without its digest',
    { image: 'sha256:1' },
    { image: 'sha256:2' },
    ['new image digest'],
  ],
  [
    'another version of a program is told by its name',
    { tools: { west: 'West version: v1.2.0', cmake: 'cmake version 3.25.1' } },
    { tools: { west: 'West version: v1.2.0', cmake: 'cmake version 3.30.0' } },
    ['cmake changed: cmake version 3.25.1 → cmake version 3.30.0'],
  ],
  [
    'another environment is told by its variable',
    { environment: { CFLAGS: '-O2' } },
    { environment: { CFLAGS: '-Os' } },
    ['toolchain environment.CFLAGS changed: -O2 → -Os'],
  ],
  [
    'another PATH is told by the directories that are different',
    { environment: { PATH: '/opt/node/24.11.0/bin:/usr/bin:/gone' } },
    { environment: { PATH: '/opt/node/24.12.0/bin:/usr/bin' } },
    ['toolchain environment.PATH changed: without /opt/node/24.11.0/bin, /gone, with /opt/node/24.12.0/bin'],
  ],
  [
    'so is one whose directories are the same',
    { environment: { PATH: '/usr/bin:/bin' } },
    { environment: { PATH: '/bin:/usr/bin' } },
    ['toolchain environment.PATH changed: the same directories in another order'],
  ],
  [
    'nothing different is nothing to tell',
    workspace({ zmk: { head: ZMK } }),
    workspace({ zmk: { head: ZMK } }),
    [],
  ],
] as const) {
  test(what, t => t.deepEqual(baseDifferences(base(before), base(now)), [...expected]));
}

test('what is stored in another form is told as different, and nothing breaks', t => {
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
