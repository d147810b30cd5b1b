// Messages for system errors: the place, the reason and the remedy.

const REASONS: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: place => `No space is left for ${place}. Free some and build again.`,
  EDQUOT: place => `Your disk quota leaves no space for ${place}. Free some and build again.`,
  EROFS: place => `${place} is on a read-only file system. Choose another place, or mount it writable.`,
  EACCES: place => `No permission to write ${place}. Change its permissions, or choose another place.`,
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

/** A remedy for an error while creating a file in `place`, as the beginning of a sentence. */
export function remedyOf(error: unknown, place: string): string {
  const remedy = REMEDIES[(error as NodeJS.ErrnoException).code ?? ''];
  return remedy?.(place) ?? `Make ${place} a directory that can be written`;
}

/** Whether an error came from the system, such as an unwritable file or an exhausted limit. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** One or two sentences. `place` is the target of the write, used when the error does not name one. */
export function describeSystemError(error: NodeJS.ErrnoException & { dest?: string }, place: string): string {
  const describe = REASONS[error.code ?? ''];
  return describe === undefined ? `${error.message}.` : describe(error.dest ?? error.path ?? place);
}
