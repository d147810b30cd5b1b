// Build of every target of a config. Imports only what a plan needs; the rest loads while the compiler reports its
// version.
import type { BuildSummary } from './events.ts';
import type { BuildOptions, RunOptions } from './options.ts';
import { type Plan, planBuild } from './plan.ts';
import { loadToolchain } from './toolchains/load.ts';

/**
 * Builds every target of a config directory. Resolves once everything is finished and cleaned up, also after a
 * cancellation: what could be built is in the output directory, and no process or temporary file is left. Failed
 * targets are counted, and reported as events. Rejects with a `GloveboxError` if `build.yaml`, the configuration, the
 * toolchain or the output directory cannot be used at all.
 */
export async function build(options: BuildOptions): Promise<BuildSummary> {
  const started = performance.now();
  return buildPlan(await planBuild(options), options, started);
}

/**
 * Builds the targets of a plan, as {@link build} does.
 *
 * @param started by `performance.now()`. Default: now
 */
export async function buildPlan(
  plan: Plan,
  options: RunOptions,
  started: number = performance.now(),
): Promise<BuildSummary> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  // The other toolchains cache what they learn about themselves, so they cannot begin before the cache is open.
  const prepared = plan.toolchain.kind === 'command' ? await loadToolchain(plan.toolchain) : undefined;
  const preparation = await prepared?.prepare?.(signal);
  try {
    const { runPlan } = await import('./build-run.ts');
    return await runPlan(plan, { prepared, options, started, stop, signal });
  } finally {
    await preparation?.over;
  }
}
