// A config whose compiler is only `cp`, for builds as an unprivileged user or with too little of something.
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { temporaryDirectory } from './temporary.ts';

const NOBODY = 65_534;

/** Arguments of `setpriv` for the user who owns the project. */
export const AS_NOBODY = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

export interface CopyingProject {
  /** Holds the config, the caches and the temporary directory. */
  home: string;
  directory: string;
  caches: string;
  temporary: string;
  env: Record<string, string>;
}

/** Makes the project in a directory of the test's own. It belongs to `nobody` where the tests run as root. */
export async function copyingProject(t: ExecutionContext, matrix: string): Promise<CopyingProject> {
  const home = await temporaryDirectory(t);
  const directory = join(home, 'corne');
  const caches = join(home, 'caches');
  const temporary = join(home, 'tmp');
  await mkdir(join(directory, 'config'), { recursive: true });
  await mkdir(caches);
  await mkdir(temporary);
  await writeFile(join(directory, 'config', 'corne.keymap'), 'keymap');
  await writeFile(join(directory, 'build.yaml'), matrix);
  const command = {
    program: '/bin/cp',
    arguments: ['{config}/config/corne.keymap', '{build}/{name}.uf2'],
    inputs: ['config/**'],
    artifacts: ['*.uf2'],
  };
  await writeFile(join(directory, 'glovebox.config.json'), JSON.stringify({ toolchains: { command } }));
  if (process.getuid?.() === 0) {
    for (const place of [home, directory, temporary, caches]) await chown(place, NOBODY, NOBODY);
  }
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'xdg'),
    GLOVEBOX_CACHE_DIR: caches,
    TMPDIR: temporary,
  };
  return { home, directory, caches, temporary, env };
}
