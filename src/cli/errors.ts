// Error messages and exit statuses of the command line.
import { GloveboxError } from '../errors.ts';
import { describeSystemError, isSystemError } from '../system/system-error.ts';
import { sanitizeLine } from './terminal/text.ts';

/** Success. */
export const EXIT_OK = 0;
/** A target failed, or an expected error occurred. */
export const EXIT_FAILED = 1;
/** Invalid command line. */
export const EXIT_USAGE = 2;
/** The reader of the output has exited. Shells report this status after SIGPIPE. */
export const EXIT_BROKEN_PIPE = 141;

/** The command line is invalid: an unknown tag or key, or a question without a terminal. Exit status 2. */
export class UsageError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_USAGE', message);
  }
}

/** The text to print for an error: only the message when it was expected, with the stack when it is a bug. */
export function describeError(error: unknown): string {
  if (error instanceof GloveboxError) {
    return `error: ${error.message.split('\n').map(sanitizeLine).join('\n')}`;
  }
  // Reaching a limit of the system is not a bug.
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (isSystemError(error) && (code === 'EMFILE' || code === 'ENFILE')) {
    return `error: ${describeSystemError(error, '')}`;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug in glovebox, please report it with the lines below.\n${detail}`;
}
