// What a person can put right: a mistake in a file of theirs, or a missing compiler.
import { relative } from 'node:path';

/** Ends the build with one sentence, led by file and line when there is a file to blame. */
export class BuildError extends Error {
  override readonly name = 'BuildError';

  constructor(message: string, place?: { file: string; line?: number }) {
    super(place ? `${shown(place.file)}${place.line ? `:${place.line}` : ''}: ${message}` : message);
  }
}

/** A path as a person would write it here. */
function shown(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
