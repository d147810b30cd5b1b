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

const REMEDIES: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: place => `Free space in ${place}`,
  EDQUOT: place => `Free space in ${place}`,
  EEXIST: () => 'Move the file that is in the way',
  ENOTDIR: () => 'Move the file that is in the way',
  EROFS: place => `Mount the file system of ${place} writable`,
  EACCES: place => `Make ${place} writable`,
  EPERM: place => `Make ${place} writable`,
  EMFILE: () => 'Raise the limit of open files (ulimit -n)',
};

/** What would let something be made in `place`, as the beginning of a sentence. */
export function remedyOf(error: unknown, place: string): string {
  const remedy = REMEDIES[(error as NodeJS.ErrnoException).code ?? ''];
  return remedy?.(place) ?? `Make ${place} a directory that can be written`;
}

/** Whether an error came from the system: a file that cannot be written, a limit that is reached. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** One or two sentences. `place` is what was being written, where the error does not say. */
export function describeSystemError(error: NodeJS.ErrnoException & { dest?: string }, place: string): string {
  const describe = REASONS[error.code ?? ''];
  return describe === undefined ? `${error.message}.` : describe(error.dest ?? error.path ?? place);
}
