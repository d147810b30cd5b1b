// Comparison of firmware with that of pristine builds.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../errors.ts';
import { createCompilationBuildCacheService, createZmkWestService } from './incremental/index.ts';
import type { Target } from './matrix/target.ts';
import type { FirmwareCacheService } from './output/firmware-cache.ts';
import type { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import { turnOff } from './toolchains/incremental-switch.ts';
import { loadToolchain } from './toolchains/load.ts';
import { CompileSession } from './workers/compile-session.ts';

/** A target as it was built. */
export interface BuiltTarget {
  /** Its artifact name. */
  target: string;
  /** Absolute, in the output directory. */
  files: string[];
  /** Undefined if inputs changed while it was built. */
  fingerprint: string | undefined;
  /** Whether objects of an earlier build may have been reused on this machine. */
  mayBeIncremental: boolean;
}

export interface VerifyOptions {
  output: OutputDirectory;
  firmware: FirmwareCacheService;
  signal: AbortSignal;
  onOutput: (target: string, line: string) => void;
  /**
   * Called for every target.
   *
   * @param different names of artifacts that differ; undefined if the target could not be compared
   *
   * @param message for the user, if there is something to know
   */
  onVerified: (target: string, different: string[] | undefined, message: string | undefined) => void;
}

/**
 * Compiles targets once more, pristine, where they are always built, and compares every byte of every artifact with what
 * is in the output directory. What differs, though it was made of the same inputs, is replaced and removed from the
 * cache, and incremental builds are turned off if it may be the result of one. Resolves early when `signal` aborts.
 */
export async function verifyTargets(
  plan: Plan,
  built: readonly BuiltTarget[],
  options: VerifyOptions,
): Promise<void> {
  const { signal } = options;
  if (built.length === 0 || signal.aborted) return;
  const threads = Math.min(plan.jobs, built.length);
  const session = await CompileSession.open(plan, threads);
  const cancel = () => session.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const queue = built.values();
  const work = async () => {
    for (const one of queue) {
      const target = plan.targets.find(({ artifactName }) => artifactName === one.target);
      if (target !== undefined && !signal.aborted) await verifyTarget(plan, target, one, session, options);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    signal.removeEventListener('abort', cancel);
    await session.close();
  }
}

async function verifyTarget(
  plan: Plan,
  target: Target,
  { files, fingerprint, mayBeIncremental }: BuiltTarget,
  session: CompileSession,
  { output, firmware, signal, onOutput, onVerified }: VerifyOptions,
): Promise<void> {
  const name = target.artifactName;
  const result = await session.compile({
    ...{ target, directory: output.stage(), incremental: false, isTrial: true },
    onEvent: event => {
      if (event.type === 'output') onOutput(name, event.line);
    },
  });
  if (signal.aborted) return;
  if (!result.ok) {
    onVerified(name, undefined, `${name} cannot be compared: ${result.message}`);
    return;
  }
  const different = differences(files, result.files);
  if (different.length === 0) {
    onVerified(name, [], undefined);
    return;
  }
  const isOfSame =
    fingerprint !== undefined &&
    (result.fingerprint === fingerprint ||
      (result.fingerprint !== undefined && (await currentFingerprint(plan, target, signal)) === fingerprint));
  if (signal.aborted) return;
  if (!isOfSame) {
    onVerified(name, undefined, `${name} cannot be compared: its inputs changed after it was built.`);
    return;
  }
  await firmware.forget(fingerprint);
  output.publish(name, result.files);
  const what = `${name} differs from a pristine build: ${different.join(', ')}.`;
  const root = plan.cacheOptions.cacheRoot;
  if (!mayBeIncremental || plan.incremental === 'off' || root === undefined) {
    onVerified(name, different, `${what} It was replaced.`);
    return;
  }
  const file = turnOff(root, what);
  onVerified(
    name,
    different,
    `${what} It was replaced. Incremental builds are off from now on; remove ${file} to turn them on again. Please report this.`,
  );
}

/** The fingerprint of the firmware that the cache has for the inputs as they are now. */
async function currentFingerprint(
  { toolchain: description, configDirectory, userConfig, cacheOptions }: Plan,
  target: Target,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { cache } = createCompilationBuildCacheService(userConfig, cacheOptions);
    const toolchain = await loadToolchain(description, { cache });
    const service = createZmkWestService({ toolchain, configDirectory, userConfig, cacheOptions });
    const found = await service.lookup(target, signal);
    return found.hit ? found.fingerprint : undefined;
  } catch (error) {
    if (signal.aborted || error instanceof GloveboxError) return undefined;
    throw error;
  }
}

/** The names of files that are not the same bytes in both lists. */
function differences(one: readonly string[], other: readonly string[]): string[] {
  const named = (files: readonly string[]) => new Map(files.map(file => [path.basename(file), file]));
  const [before, after] = [named(one), named(other)];
  return [...new Set([...before.keys(), ...after.keys()])].filter(name => {
    const [was, is] = [before.get(name), after.get(name)];
    return was === undefined || is === undefined || !readFileSync(was).equals(readFileSync(is));
  });
}
