// Inputs of a job: fetched from the remote cache once for all jobs that share them, and laid out in a directory.
import type { RemoteTier } from '../../cache/remote/remote-tier.ts';
import { ARCHIVE, archiveKey, unpackInputs } from './input-archive.ts';
import type { JobRefusal } from './job.ts';

/** Archives kept in memory. The targets of one config share theirs. */
const KEPT_ARCHIVES = 4;

export class JobInputs {
  readonly #tier: RemoteTier;
  /** By key. */
  readonly #archives = new Map<string, Promise<Buffer | undefined>>();

  constructor(tier: RemoteTier) {
    this.#tier = tier;
  }

  /**
   * Lays the inputs with this key out in a directory, or tells why they cannot be had. Rejects with the file system's
   * errors, an `InvalidArchiveError`, and the signal's reason.
   */
  async layOut(key: string, directory: string, signal: AbortSignal): Promise<JobRefusal | undefined> {
    let fetching = this.#archives.get(key);
    if (fetching === undefined) {
      fetching = this.#fetch(key);
      this.#archives.set(key, fetching);
      for (const old of this.#archives.keys())
        if (this.#archives.size > KEPT_ARCHIVES) this.#archives.delete(old);
    }
    const archive = await fetching.catch(() => undefined);
    signal.throwIfAborted();
    if (archive === undefined) {
      this.#archives.delete(key);
      return { kind: 'trouble', why: 'it could not fetch the inputs from the remote cache' };
    }
    await unpackInputs(archive, directory);
    return undefined;
  }

  async #fetch(key: string): Promise<Buffer | undefined> {
    const hit = await this.#tier.get(key, { kind: 'inputs' });
    const archive = await hit?.getBytes(ARCHIVE);
    return archive !== undefined && archiveKey(archive) === key ? archive : undefined;
  }
}
