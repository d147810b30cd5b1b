// Repositories to make workspaces from, a config that asks for them, and the west that fetches them.

import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { temporaryDirectory } from '../../support/temporary.ts';
import { PERL } from '../rig/rig.ts';
import { commit, repository, write } from './repositories.ts';

const PROGRAM = fileURLToPath(new URL('./west.pl', import.meta.url));

/** The installed west, if there is one. */
export const REAL_WEST = (process.env.PATH ?? '')
  .split(path.delimiter)
  .map(directory => path.join(directory, 'west'))
  .find(file => existsSync(file));

/** Puts a west into a directory for programs: our own, which does what tests ask for. */
export async function installWest(directory: string): Promise<void> {
  await write(directory, { west: `#!${PERL}\n${await readFile(PROGRAM, 'utf8')}` });
  await chmod(path.join(directory, 'west'), 0o755);
}

export interface Upstream {
  /** The root of all of this. */
  directory: string;
  /** A config whose `west.yml` asks for `zmk` at `main`, which imports `zephyr` and `hal` at `main`. */
  config: string;
  /** A cache directory. */
  cacheRoot: string;
  /** A home directory. A file `hang-at-NAME` in it makes west wait at that project for ever. */
  home: string;
  /** The environment in which this test's west is found. */
  env: Record<string, string>;
  /** Commits files to a repository; resolves to the commit. */
  push(name: string, files: Record<string, string>): Promise<string>;
}

/** Content that is large enough to show whether it was copied. */
export const LARGE = Array.from({ length: 4000 }, (_, index) =>
  String((index * 2654435761) % 4294967296),
).join('\n');

/** Everything that a workspace is made from, in a directory that is removed with the test. */
export async function createUpstream(t: ExecutionContext): Promise<Upstream> {
  const directory = await temporaryDirectory(t);
  const at = (name: string) => path.join(directory, name);
  const remotes = `  remotes:\n    - {name: up, url-base: "file://${at('up')}"}\n`;
  const projects = (...lines: string[]) =>
    `manifest:\n${remotes}  projects:\n${lines.map(line => `    - {${line}, remote: up, revision: main}\n`).join('')}`;
  await Promise.all([
    repository(at('up/hal'), { 'hal.h': 'hal\n' }),
    repository(at('up/zephyr'), {
      VERSION: '3\n',
      'kernel.c': LARGE,
      'west.yml': projects('name: hal, path: modules/hal'),
    }),
    repository(at('up/zmk'), {
      'app/CMakeLists.txt': 'zmk\n',
      'app/west.yml': projects('name: zephyr, import: true'),
    }),
    write(at('config'), {
      'build.yaml': 'include:\n  - board: nice_nano_v2\n',
      'config/west.yml': `${projects('name: zmk, import: app/west.yml')}  self: {path: config}\n`,
    }),
    mkdir(at('home')),
  ]);
  await installWest(at('bin'));
  return {
    directory,
    config: at('config'),
    cacheRoot: at('cache'),
    home: at('home'),
    env: { PATH: `${at('bin')}:${process.env.PATH}`, HOME: at('home') },
    push: (name, files) => commit(at(`up/${name}`), files),
  };
}

/** The inode of every git object of a workspace, by its path. */
export async function objectsOf(directory: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && /\.git\/objects\//.test(file)) {
      found.set(path.relative(directory, file), (await lstat(file)).ino);
    }
  }
  return found;
}
