// Board compatibility: a board that is not set up for ZMK is reported as ZMK's workflow reports it.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PathMap } from '../../../../src/builder/toolchains/observed/index.ts';
import { type BoardProblem, examineBoard } from '../../../../src/builder/toolchains/zephyr/board-compat.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';
import { cmakeCache } from '../observed/records.ts';
import { writeFiles } from '../observed/workspace.ts';

const BOARD = 'board:\n  name: nice_nano\n  socs:\n    - name: nrf52840\n';
const EXTENSION = 'board:\n  extend: nice_nano\n  variants:\n    - name: zmk\n      qualifier: nrf52840\n';
const KCONFIG = 'menu "ZMK"\n\nconfig ZMK_BOARD_COMPAT\n    bool\n';

interface Given {
  board?: string;
  /** The `board.yml` files by the directory below the root, which is `workspace` or `config`. */
  descriptions?: Record<string, string>;
  dotConfig?: string;
  kconfig?: string;
}

/** The findings for a build of `nice_nano` in a workspace where ZMK has a variant of it, unless overridden. */
async function examine(t: ExecutionContext, given: Given = {}): Promise<BoardProblem> {
  const {
    board = 'nice_nano',
    descriptions = {
      'workspace/zephyr/boards/nice_nano': BOARD,
      'workspace/zmk/app/boards/nice_nano': EXTENSION,
    },
    dotConfig = 'CONFIG_BOARD="nice_nano"\n',
    kconfig = KCONFIG,
  } = given;
  const root = await temporaryDirectory(t);
  const at = (name: string) => path.join(root, name);
  const directories = Object.keys(descriptions);
  writeFiles(root, {
    'build/zephyr/.config': dotConfig,
    'build/CMakeCache.txt': cmakeCache({ BOARD_DIRECTORIES: directories.map(at).join(';') }),
    'workspace/zmk/app/Kconfig': kconfig,
    ...Object.fromEntries(directories.map(directory => [`${directory}/board.yml`, descriptions[directory]!])),
  });
  const places = new PathMap({
    ...{ buildDirectory: at('build'), configDirectory: at('config'), workspace: at('workspace') },
  });
  return examineBoard({ build: at('build'), application: at('workspace/zmk/app'), board, pathMap: places });
}

const WRONG = {
  wrong:
    "The board 'nice_nano' is not set up for ZMK, and there is a ZMK variant of it: write 'nice_nano//zmk'.",
};

test('a board with a ZMK variant is wrong when it was built without it', async t => {
  t.deepEqual(await examine(t), WRONG);
  t.like(await examine(t, { board: 'nice_nano/nrf52840' }), {
    wrong:
      "The board 'nice_nano/nrf52840' is not set up for ZMK, and there is a ZMK variant of it: write 'nice_nano//zmk'.",
  });
});

test('with several chips, the variant is named with its chip', async t => {
  const descriptions = {
    'workspace/zmk/app/module/boards/nrfmicro': `boards:
  - name: other
  - name: nrfmicro
    socs:
      - name: nrf52840
        variants: [{ name: flipped_zmk }, { name: flipped, variants: [{ name: zmk }] }]
      - name: nrf52833
`,
  };
  t.deepEqual(await examine(t, { board: 'nrfmicro', descriptions }), {
    wrong:
      "The board 'nrfmicro' is not set up for ZMK, and there is a ZMK variant of it: write 'nrfmicro/nrf52840/zmk'.",
  });
});

test('a board marked for ZMK is right, and so is every board of a ZMK without such marks', async t => {
  t.is(await examine(t, { dotConfig: 'CONFIG_A=y\nCONFIG_ZMK_BOARD_COMPAT=y\n' }), undefined);
  t.is(await examine(t, { kconfig: 'config ZMK_KEYBOARD_NAME\n' }), undefined);
});

test('a board without a variant for ZMK is a warning', async t => {
  const descriptions = { 'workspace/zephyr/boards/nice_nano': BOARD };
  t.deepEqual(await examine(t, { descriptions }), {
    warning:
      "The board 'nice_nano' is not marked as set up for ZMK (CONFIG_ZMK_BOARD_COMPAT). Check that it is the right board.",
  });
});

test("boards that the workflow does not find cause no report: the config's own boards, and revisions", async t => {
  t.is(await examine(t, { descriptions: { 'config/boards/nice_nano': BOARD } }), undefined);
  t.is(await examine(t, { board: 'nice_nano@1.0.0' }), undefined);
  t.is(await examine(t, { descriptions: {} }), undefined);
  t.is(await examine(t, { descriptions: { 'workspace/zephyr/boards/nice_nano': 'board: [' } }), undefined);
});
