// Look-up of a program in PATH.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** The file of a program in `PATH`, absolute. Throws when there is none. */
export function programFile(name: string, PATH = process.env.PATH): string {
  const directories = (PATH ?? '').split(path.delimiter).filter(path.isAbsolute);
  const file = directories.map(directory => path.join(directory, name)).find(isExecutable);
  if (file === undefined) throw new Error(`There is no ${name} in PATH.`);
  return file;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
