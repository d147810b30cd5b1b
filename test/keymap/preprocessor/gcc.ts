// GCC's own preprocessor, called as Zephyr calls it for devicetrees, for comparison.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const FLAGS = ['-E', '-P', '-nostdinc', '-undef', '-D__DTS__', '-x', 'assembler-with-cpp'];
const MARK = '@@@@';

/** Whether GCC is on this machine. Clang, which calls itself gcc on macOS, reads assembler sources differently. */
export const hasGcc = /Free Software Foundation/.test(
  spawnSync('gcc', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

export const NO_GCC = 'skipped: there is no gcc on this machine to compare with';

/**
 * GCC's output for each file, in one call; undefined for a file with an error.
 *
 * @param files absolute, with different names, and below `place`, where another file is created
 * @param directories of includes
 */
export function preprocessedByGcc(
  place: string,
  files: readonly string[],
  directories: readonly string[] = [],
): (string | undefined)[] {
  const mark = path.join(place, 'mark');
  writeFileSync(mark, `${MARK}\n`);
  const search = directories.flatMap(directory => ['-isystem', directory]);
  const { stdout, stderr } = spawnSync('gcc', [...FLAGS, ...search, ...files.flatMap(file => [file, mark])], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const texts = stdout.split(MARK);
  if (texts.length !== files.length + 1) throw new Error(`gcc ended early: ${stderr}`);
  const wrong = new Set(
    Array.from(stderr.matchAll(/^(.+?):\d+(?::\d+)?: (?:fatal )?error:/gm), match => match[1]),
  );
  return files.map((file, index) => (wrong.has(file) ? undefined : texts[index]));
}
