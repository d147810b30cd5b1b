// A ZMK config of two halves whose compiler is a rig, and `glovebox build` of it from the command line.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createRig, type RigOptions } from '../builder/rig/rig.ts';
import { glovebox, gloveboxAlone, type RunResult, startGlovebox } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

export const LEFT = 'corne_left-nice_nano_v2-zmk';
export const RIGHT = 'corne_right-nice_nano_v2-zmk';
const BUILD_YAML = `include:
  - { board: nice_nano_v2, shield: corne_left }
  - { board: nice_nano_v2, shield: corne_right }
`;

/** The config in its own home directory, with everything that Glovebox writes below that. */
export async function config(t: ExecutionContext, options: RigOptions = {}) {
  const home = await temporaryDirectory(t);
  const directory = join(home, 'corne');
  const temporary = join(home, 'tmp');
  await mkdir(join(directory, 'config'), { recursive: true });
  await mkdir(temporary);
  await writeFile(join(directory, 'build.yaml'), BUILD_YAML);
  await writeFile(join(directory, 'config', 'corne.keymap'), 'one');
  const rig = await createRig(t, options);
  const toolchains = { command: rig.toolchainOptions };
  await writeFile(join(directory, 'glovebox.config.json'), JSON.stringify({ toolchains }));
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'xdg'),
    GLOVEBOX_CACHE_DIR: join(home, 'caches'),
    TMPDIR: temporary,
  };
  const at = { cwd: home, env };
  return {
    home,
    directory,
    temporary,
    rig,
    at,
    build: (...args: string[]): Promise<RunResult> => glovebox(['build', 'corne', ...args], at),
    /** The same in this process, for serial tests: see {@link gloveboxAlone}. */
    buildAlone: (...args: string[]): Promise<RunResult> => gloveboxAlone(['build', 'corne', ...args], at),
    start: (...args: string[]) => startGlovebox(['build', 'corne', ...args], at),
    keymap: (text: string) => writeFile(join(directory, 'config', 'corne.keymap'), text),
    firmware: async () => (await readdir(join(directory, 'firmware')).catch(() => [])).sort(),
  };
}

/** A compiler that runs without instructions from the test. */
export const succeeds: RigOptions = { onRun: run => run.succeed() };
