// Directories of last builds in a cache directory, as incremental builds leave them.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes one, last used `age` seconds ago, that says that it takes so many bytes; returns its directory. */
export function writeKept(cacheRoot: string, index: number, bytes: number, age: number): string {
  mkdirSync(path.join(cacheRoot, 'west'), { recursive: true, mode: 0o700 });
  const directory = path.join(cacheRoot, 'west', index.toString(16).padStart(16, '0'));
  mkdirSync(path.join(directory, 'build/build'), { recursive: true, mode: 0o700 });
  writeFileSync(path.join(directory, 'build/build/build.ninja'), '');
  const state = path.join(directory, 'kept.json');
  writeFileSync(state, JSON.stringify({ schema: 1, bytes }));
  const used = Date.now() / 1_000 - age;
  utimesSync(state, used, used);
  return directory;
}
