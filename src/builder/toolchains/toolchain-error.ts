// Error of a toolchain before anything is compiled.
import { GloveboxError } from '../../errors.ts';

/** A toolchain that cannot be used as configured, or whose version cannot be determined. */
export class ToolchainError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_TOOLCHAIN', message, options);
  }
}
