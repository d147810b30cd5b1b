// Verification of a watch's incremental builds: in idle time a target that reused objects of an earlier build is built
// once more from scratch, and compared: after the first such build, and then now and then.
import type { BuildEvent, EventBody } from '../events.ts';
import { createFirmwareCacheService } from '../output/firmware.ts';
import { OutputDirectory } from '../output/output.ts';
import type { Plan } from '../plan.ts';
import { verifyTargets } from '../verify.ts';
import type { Built } from './running-targets.ts';

/** So many builds that reused objects may come between two comparisons. */
const VERIFY_EVERY = 25;

export class Verification {
  /** Targets that reused objects since they were last compared, by their artifact names. */
  readonly #unverified = new Set<string>();
  #incrementalBuilds = 0;
  #nextAt = 1;
  readonly #emit: (event: EventBody) => void;

  constructor(emit: (event: EventBody) => void) {
    this.#emit = emit;
  }

  /** Records whether a build reused objects. */
  built({ target, path }: BuildEvent & { type: 'target-path' }): void {
    if (path.kind === 'pristine') this.#unverified.delete(target);
    else {
      this.#incrementalBuilds++;
      this.#unverified.add(target);
    }
  }

  /** Compares one target, if that is due. */
  async run(plan: Plan, builtOf: (target: string) => Built | undefined, signal: AbortSignal): Promise<void> {
    const [target] = this.#unverified;
    if (target === undefined || this.#incrementalBuilds < this.#nextAt) return;
    const built = builtOf(target);
    if (built?.files === undefined) return;
    const { files, fingerprint } = built;
    const output = await OutputDirectory.open(plan.outputDirectory);
    try {
      await verifyTargets({ ...plan, jobs: 1 }, [{ target, files, fingerprint, mayBeIncremental: true }], {
        ...{ output, signal, firmware: createFirmwareCacheService(plan.userConfig, plan.cacheOptions) },
        onOutput: () => {},
        onVerified: (name, different, message) => this.#verified(name, different, message),
      });
    } finally {
      await output.close();
    }
  }

  #verified(target: string, different: string[] | undefined, message: string | undefined): void {
    this.#unverified.delete(target);
    if (different !== undefined) this.#nextAt = this.#incrementalBuilds + VERIFY_EVERY;
    if (different === undefined || different.length === 0) return;
    this.#emit({ type: 'target-verified', target, different });
    if (message !== undefined) this.#emit({ type: 'warning', target, message });
  }
}
