// Resources of the build that a toolchain may use. Not plain data: each thread has its own.
import type { Cache } from '../../cache/cache.ts';

export interface ToolchainResources {
  /** Cache for facts such as the identities of programs. Default: none, so they are determined every time. */
  cache?: Cache | undefined;
}
