// Build matrix: the targets in build.yaml, read as ZMK's own GitHub workflow (build-user-config.yml) reads it.
import path from 'node:path';
import { foldName, isDeviceName } from '../output/artifact-name.ts';
import { combine } from './combinations.ts';
import { didYouMeanField, FIELDS, type Field, isField, nearestField } from './fields.ts';
import { type Entry, type IgnoredField, MatrixError, quoted, readMatrixFile } from './matrix-file.ts';
import type { Target } from './target.ts';

export { MatrixError } from './matrix-file.ts';

/**
 * The default build matrix file, relative to the config directory: the default of the workflow's `build_matrix_path`.
 */
export const DEFAULT_BUILD_FILE = 'build.yaml';

export interface ReadMatrixOptions {
  /** The file, relative to the config directory. Default: {@link DEFAULT_BUILD_FILE}. */
  buildFile?: string | undefined;
  /** Called for each field that the workflow ignores, with one sentence that names file and line. */
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * Bytes of UTF-8. File systems allow 255, which must include the extension and, during the write, a temporary suffix.
 */
const MAX_NAME = 200;

/**
 * The targets of a config directory's build matrix: the lists `board`, `shield`, `snippet`, `cmake-args` and
 * `artifact-name` combined, extended by `include` and reduced by `exclude` as on GitHub. At least one, in GitHub's
 * order; artifact names are unique, even without regard to case, and safe as file names. The default `artifact-name` is
 * `<shield>-<board, with / as _>-zmk`. Other fields take part in the matrix as on GitHub, and change no target.
 *
 * Rejects with {@link MatrixError} for anything else, within a second whatever the file contains.
 */
export async function readMatrix(
  configDirectory: string,
  { buildFile = DEFAULT_BUILD_FILE, onWarning }: ReadMatrixOptions = {},
): Promise<Target[]> {
  const matrix = await readMatrixFile(path.resolve(configDirectory, buildFile));
  const { file } = matrix;
  for (const field of matrix.ignored) onWarning?.(`${file}:${field.lines[0]}: ${ignoredSentence(field)}`);
  const targets = new Map<string, { target: Target; entry: Entry }>();
  for (const entry of combine(matrix)) {
    const target = targetOf(file, entry);
    const key = foldName(target.artifactName);
    const earlier = targets.get(key);
    if (earlier === undefined) targets.set(key, { target, entry });
    else if (JSON.stringify(earlier.target) !== JSON.stringify(target)) {
      throw new MatrixError(
        file,
        entry.line,
        `the artifact name ${quoted(target.artifactName)} is taken by the target of line ${earlier.entry.line}. ` +
          `Give one of them an 'artifact-name' of its own.`,
      );
    } else if (isRepeated(earlier.entry, entry)) {
      onWarning?.(
        `${file}:${entry.line}: this is the target of line ${earlier.entry.line} again, and built once.`,
      );
    }
  }
  if (targets.size === 0) throw new MatrixError(file, 1, `'exclude' leaves nothing to build.`);
  return Array.from(targets.values(), ({ target }) => target);
}

const MAX_LINES_NAMED = 3;

function ignoredSentence({ name, lines }: IgnoredField): string {
  const others = lines.slice(1, 1 + MAX_LINES_NAMED);
  const more = lines.length - 1 - others.length;
  const also =
    others.length === 0
      ? ''
      : `, here and in line${others.length > 1 ? 's' : ''} ${others.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return `${quoted(name)} is ignored${also}: ZMK's workflow reads ${FIELDS.join(', ')}.${didYouMeanField(name)}`;
}

/**
 * Whether two entries of one target agree in all fields. If an ignored field tells them apart, the repetition is
 * reported.
 */
function isRepeated(a: Entry, b: Entry): boolean {
  const names = [...new Set([...a.values.keys(), ...b.values.keys()])];
  return names.every(name => (a.values.get(name)?.text ?? '') === (b.values.get(name)?.text ?? ''));
}

function targetOf(file: string, { values, line }: Entry): Target {
  const text = (field: Field) => values.get(field)?.text || undefined;
  const board = text('board');
  if (board === undefined) {
    const meant = [...values.keys()].find(name => !isField(name) && nearestField(name) === 'board');
    const hint = meant === undefined ? '' : ` Did you mean 'board' with ${quoted(meant)}?`;
    throw new MatrixError(file, line, `this target has no 'board'. Every target needs one.${hint}`);
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

/** The reason that a name is not a valid file name on every system, including GitHub's artifact store. */
function problemOf(name: string): string | undefined {
  if (name === '.' || name === '..') return 'means a directory';
  if (isDeviceName(name)) return 'is the name of a device on Windows';
  const forbidden = /[\\/:*?"<>|]/.exec(name);
  if (forbidden !== null) return `contains ${forbidden[0]}`;
  // The file system would replace lone surrogates, and two names would become one.
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return 'contains a control character';
  if (Buffer.byteLength(name) > MAX_NAME) return `is longer than ${MAX_NAME} bytes`;
  return undefined;
}
