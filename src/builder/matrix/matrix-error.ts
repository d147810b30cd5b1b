// What is wrong with a build.yaml.
import { GloveboxError } from '../../errors.ts';

/** `build.yaml` is missing, empty, malformed or asks for what cannot be. The message begins with file and line. */
export class MatrixError extends GloveboxError {
  readonly file: string;
  /** 1-based; undefined when the file could not be read. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, what: string) {
    super('GLOVEBOX_MATRIX', `${file}${line === undefined ? '' : `:${line}`}: ${what}`);
    this.file = file;
    this.line = line;
  }
}

/** A text of the file for a message: in quotes, not long, and with nothing in it that a terminal would obey. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text;
  return `'${short.replaceAll(/\p{Cc}/gu, '\ufffd')}'`;
}
