// What keeps a workspace from being used or made.
import { GloveboxError } from '../../errors.ts';

/** A workspace that cannot be read, made, moved or removed. The message says which and what to do. */
export class WorkspaceError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_WORKSPACE', message, options);
  }
}
