// What the system refuses, said with the place and what to do about it.

const REASONS: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: place => `There is no space left for ${place}. Free some and build again.`,
  EDQUOT: place => `Your disk quota leaves no space for ${place}. Free some and build again.`,
  EROFS: place =>
    `${place} is on a file system that cannot be written. Choose another place, or mount it writable.`,
  EACCES: place => `You may not write ${place}. Change its permissions, or choose another place.`,
  EMFILE: () => 'Too many files are open. Raise the limit (ulimit -n), or run fewer jobs at once.',
  ENFILE: () => 'The system has too many files open. Close other programs, or run fewer jobs at once.',
};

/** Whether an error came from the system: a file that cannot be written, a limit that is reached. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** One or two sentences. `place` is what was being written, where the error does not say. */
export function describeSystemError(error: NodeJS.ErrnoException & { dest?: string }, place: string): string {
  const describe = REASONS[error.code ?? ''];
  return describe === undefined ? `${error.message}.` : describe(error.dest ?? error.path ?? place);
}
