// Whether targets come out the same when they are compiled from nothing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FirmwareCacheService } from './output/firmware-cache.ts';
import type { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import { turnOff } from './toolchains/incremental-switch.ts';
import { CompileSession } from './workers/compile-session.ts';

/** A target as it was built. */
export interface BuiltTarget {
  /** Its artifact name. */
  target: string;
  /** Absolute, in the output directory. */
  files: string[];
  /** What it is known by, if it is. */
  fingerprint: string | undefined;
}

export interface VerifyOptions {
  output: OutputDirectory;
  firmware: FirmwareCacheService;
  signal: AbortSignal;
  onOutput: (target: string, line: string) => void;
  /**
   * Told of every target that was compared.
   *
   * @param different names of artifacts that came out otherwise
   * @param message what a person should know, if there is something
   */
  onVerified: (target: string, different: string[], message: string | undefined) => void;
}

/**
 * Compiles targets from nothing, where they are always built, and compares every byte of every artifact with what is in the
 * output directory. What differs is replaced and forgotten by the cache, and incremental builds are turned off. Resolves
 * early when `signal` aborts.
 */
export async function verifyTargets(
  plan: Plan,
  built: readonly BuiltTarget[],
  { output, firmware, signal, onOutput, onVerified }: VerifyOptions,
): Promise<void> {
  if (built.length === 0 || signal.aborted) return;
  const threads = Math.min(plan.jobs, built.length);
  const session = await CompileSession.open(plan, threads);
  const cancel = () => session.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const queue = built.values();
  const work = async () => {
    for (const { target: name, files, fingerprint } of queue) {
      const target = plan.targets.find(({ artifactName }) => artifactName === name);
      if (target === undefined || signal.aborted) continue;
      const result = await session.compile({
        ...{ target, directory: output.stage(), incremental: false, isTrial: true },
        onEvent: event => {
          if (event.type === 'output') onOutput(name, event.line);
        },
      });
      if (signal.aborted) return;
      if (!result.ok) {
        onVerified(name, [], `It cannot be compared: ${result.message}`);
        continue;
      }
      const different = differences(files, result.files);
      if (different.length === 0) {
        onVerified(name, [], undefined);
        continue;
      }
      const what = `${name} came out otherwise when it was compiled from nothing: ${different.join(', ')}.`;
      if (fingerprint !== undefined) await firmware.forget(fingerprint);
      output.publish(name, result.files);
      const root = plan.cacheOptions.cacheRoot;
      const file = plan.incremental === 'off' || root === undefined ? undefined : turnOff(root, what);
      const consequence =
        file === undefined
          ? ''
          : ` Incremental builds are off from now on; remove ${file} to turn them on again. Please report this.`;
      onVerified(name, different, `${what} It was replaced.${consequence}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    signal.removeEventListener('abort', cancel);
    await session.close();
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
