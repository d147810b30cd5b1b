// What is built: build.yaml, read as ZMK's own GitHub workflow (build-user-config.yml) reads it.
import type { Target } from '../domains/compilation/target.ts';
import { foldName, isDeviceName } from '../domains/firmware/index.ts';
import { combine } from './matrix/combinations.ts';
import { MatrixError, quoted } from './matrix/matrix-error.ts';
import { type Entry, readMatrixFile } from './matrix/matrix-file.ts';

export { MatrixError } from './matrix/matrix-error.ts';

/** Bytes of UTF-8. File systems take 255, and the file needs an extension and, while it is written, a mark. */
const MAX_NAME = 200;

/**
 * The targets of `build.yaml` in the config directory: the lists `board`, `shield`, `snippet`, `cmake-args` and
 * `artifact-name` combined, extended by `include` and thinned by `exclude` as GitHub does it. At least one, in
 * GitHub's order; artifact names are unique, also where upper and lower case are the same, and safe as file names.
 * Without `artifact-name` it is `<shield>-<board, with / as _>-zmk`.
 *
 * Rejects with {@link MatrixError} for anything else, within a second whatever the file contains.
 */
export async function readMatrix(configDirectory: string): Promise<Target[]> {
  const matrix = await readMatrixFile(configDirectory);
  const taken = new Map<string, number>();
  const targets = combine(matrix).map(entry => {
    const target = targetOf(matrix.file, entry);
    const key = foldName(target.artifactName);
    const earlier = taken.get(key);
    if (earlier !== undefined) {
      throw new MatrixError(
        matrix.file,
        entry.line,
        `the artifact name ${quoted(target.artifactName)} is taken by the target of line ${earlier}. ` +
          `Give one of them an 'artifact-name' of its own.`,
      );
    }
    taken.set(key, entry.line);
    return target;
  });
  if (targets.length === 0) throw new MatrixError(matrix.file, 1, `'exclude' leaves nothing to build.`);
  return targets;
}

function targetOf(file: string, { values, line }: Entry): Target {
  const text = (field: Parameters<typeof values.get>[0]) => values.get(field)?.text || undefined;
  const board = text('board');
  if (board === undefined) {
    throw new MatrixError(file, line, `this target has no 'board'. Every target needs one.`);
  }
  const shield = text('shield');
  const snippet = text('snippet');
  const cmakeArgs = text('cmake-args');
  const name = text('artifact-name');
  const artifactName = name ?? `${shield === undefined ? '' : `${shield}-`}${board.replaceAll('/', '_')}-zmk`;
  const problem = problemOf(artifactName);
  if (problem !== undefined) {
    throw new MatrixError(
      file,
      values.get('artifact-name')?.line ?? line,
      `the artifact name ${quoted(artifactName)} ${problem}. It becomes a file name: ` +
        `${name === undefined ? `give the target an 'artifact-name'` : 'choose another'}.`,
    );
  }
  return {
    board,
    ...(shield === undefined ? {} : { shield }),
    ...(snippet === undefined ? {} : { snippet }),
    ...(cmakeArgs === undefined ? {} : { cmakeArgs }),
    artifactName,
  };
}

/** What keeps a name from being a file name everywhere, GitHub's artifact store included. */
function problemOf(name: string): string | undefined {
  if (name === '.' || name === '..') return 'means a directory';
  if (isDeviceName(name)) return 'is the name of a device on Windows';
  const forbidden = /[\\/:*?"<>|]/.exec(name);
  if (forbidden !== null) return `contains ${forbidden[0]}`;
  // Unpaired halves of characters would be replaced on the way to the file system, and two names become one.
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return 'contains a control character';
  if (Buffer.byteLength(name) > MAX_NAME) return `is longer than ${MAX_NAME} bytes`;
  return undefined;
}
