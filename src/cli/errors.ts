// What the command line answers when something goes wrong, and with which exit status.
import { GloveboxError } from '../errors.ts';
import { describeSystemError, isSystemError } from '../system/system-error.ts';
import { sanitizeLine } from './terminal/text.ts';

/** Everything went well. */
export const EXIT_OK = 0;
/** A target failed, or something expected went wrong. */
export const EXIT_FAILED = 1;
/** The command line cannot be right. */
export const EXIT_USAGE = 2;
/** The reader of the output went away: what a shell reports for a program that SIGPIPE ended. */
export const EXIT_BROKEN_PIPE = 141;

/** The command line cannot be right: an unknown tag or key, a question nobody can answer. Exit status 2. */
export class UsageError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_USAGE', message);
  }
}

/** What to print for an error: the message alone when it was expected, the stack as well when it is a bug. */
export function describeError(error: unknown): string {
  if (error instanceof GloveboxError) {
    return `error: ${error.message.split('\n').map(sanitizeLine).join('\n')}`;
  }
  // A limit of the system can be met anywhere, and is no bug.
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (isSystemError(error) && (code === 'EMFILE' || code === 'ENFILE')) {
    return `error: ${describeSystemError(error, '')}`;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug in glovebox, please report it with the lines below.\n${detail}`;
}
