// Error of a workspace that cannot be used or made.
import { GloveboxError } from '../../errors.ts';

/** A workspace that cannot be read, made, moved or removed. The message names it and the remedy. */
export class WorkspaceError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_WORKSPACE', message, options);
  }
}
