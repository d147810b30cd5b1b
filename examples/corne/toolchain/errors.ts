// Errors that a user can correct: a mistake in a file, or a missing compiler.
import { relative } from 'node:path';

/** Ends the build with one sentence. It begins with file and line if a file is at fault. */
export class BuildError extends Error {
  override readonly name = 'BuildError';

  constructor(message: string, place?: { file: string; line?: number }) {
    super(place ? `${shown(place.file)}${place.line ? `:${place.line}` : ''}: ${message}` : message);
  }
}

/** The path relative to the working directory. */
function shown(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
