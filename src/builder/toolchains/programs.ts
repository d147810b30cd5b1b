// Lookup of a program by name.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * The executable for a program's name: a path, relative to `directory`, or the first match in the `PATH` of
 * `environment`. Absolute; undefined if there is no executable file.
 */
export async function findProgram(
  program: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const folders = (environment.PATH ?? '').split(path.delimiter).filter(folder => folder !== '');
  const candidates = program.includes('/')
    ? [path.resolve(directory, program)]
    : folders.map(folder => path.resolve(directory, folder, program));
  for (const file of candidates) {
    const runnable = access(file, constants.X_OK).then(() => stat(file));
    if (await runnable.then(stats => stats.isFile()).catch(() => false)) return file;
  }
  return undefined;
}
