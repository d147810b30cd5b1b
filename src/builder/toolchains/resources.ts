// What a toolchain may use of the build that it is made for. Not data: each thread has its own.
import type { Cache } from '../../cache/cache.ts';

export interface ToolchainResources {
  /** Where it may keep what it found out, such as what a program is. Default: it finds out every time. */
  cache?: Cache | undefined;
}
