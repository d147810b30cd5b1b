// Recording of several targets' macros; see `Toolchain.recordMacros`.
import type { Target } from '../matrix/target.ts';
import type { Toolchain } from './toolchain.ts';

/** Records the macros of these targets' last builds, one target after another. Resolves to whether all are recorded. */
export async function recordAll(
  toolchain: Toolchain,
  targets: readonly Target[],
  options: { signal: AbortSignal; jobs: number },
): Promise<boolean> {
  if (toolchain.recordMacros === undefined) return true;
  let isWhole = true;
  for (const target of targets) {
    if (options.signal.aborted) return false;
    isWhole = (await toolchain.recordMacros(target, options)) && isWhole;
  }
  return isWhole && !options.signal.aborted;
}
