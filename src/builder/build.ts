// Builds every target of a config. Loads only what a plan needs, and the rest while the compiler is asked for its version.
import type { BuildOptions, BuildSummary, RunOptions } from './options.ts';
import { type Plan, planBuild } from './plan.ts';
import { loadToolchain } from './toolchains/load.ts';

/**
 * Builds every target of a config directory. Resolves when everything is finished and cleaned up, also when it was
 * cancelled: whatever could be built is in the output directory, and no process or temporary file is left. Failed
 * targets are counted, and told as events. Rejects with a `GloveboxError` when `build.yaml`, the configuration, the
 * toolchain or the output directory cannot be used at all.
 */
export async function build(options: BuildOptions): Promise<BuildSummary> {
  const started = performance.now();
  return buildPlan(await planBuild(options), options, started);
}

/**
 * Builds what a plan says, as {@link build} does.
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
  // The other toolchains keep in a cache what they find out about themselves, so that they cannot begin without.
  const prepared = plan.toolchain.kind === 'command' ? await loadToolchain(plan.toolchain) : undefined;
  const preparation = await prepared?.prepare?.(signal);
  try {
    const { runPlan } = await import('./build-run.ts');
    return await runPlan(plan, { prepared, options, started, stop, signal });
  } finally {
    await preparation?.over;
  }
}
