// Upload queue: uploads run in the background, a few at once, within bounds.
import { clearTimeout, setTimeout } from '../../system/time.ts';

export interface Upload {
  /** Bytes held in memory until it is done; files are read only when they are uploaded. */
  heldBytes: number;
  /** Must end soon after `signal` aborts. Not called any more once it has. */
  run(signal: AbortSignal): Promise<void>;
}

export interface UploadQueueOptions {
  /** Uploads at once. Default: 4. */
  concurrency?: number | undefined;
  /** Uploads that wait or run at most. Default: 1,000. */
  maxUploads?: number | undefined;
  /** Bytes held in memory at most. Default: 64 MiB. */
  maxHeldBytes?: number | undefined;
}

export class UploadQueue {
  readonly #concurrency: number;
  readonly #maxUploads: number;
  readonly #maxHeldBytes: number;
  readonly #waiting: (() => void)[] = [];
  readonly #controller = new AbortController();
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #count = 0;
  #heldBytes = 0;

  constructor({
    concurrency = 4,
    maxUploads = 1000,
    maxHeldBytes = 64 * 1024 * 1024,
  }: UploadQueueOptions = {}) {
    this.#concurrency = concurrency;
    this.#maxUploads = maxUploads;
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** Uploads that wait or run. */
  get size(): number {
    return this.#count;
  }

  /** Queues an upload; settles as its `run` does. Undefined when there is no room for it, or after {@link drop}. */
  add(upload: Upload): Promise<void> | undefined {
    const hasRoom =
      this.#count < this.#maxUploads &&
      // An upload that exceeds the whole limit still passes alone.
      (this.#heldBytes === 0 || this.#heldBytes + upload.heldBytes <= this.#maxHeldBytes);
    if (!hasRoom || this.#controller.signal.aborted) return undefined;
    this.#count++;
    this.#heldBytes += upload.heldBytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        this.#run(upload).then(resolve, reject);
      });
      this.#next();
    });
  }

  /**
   * Resolves when nothing waits or runs any more, to whether all were finished in time; after `limitMs`, the rest is
   * dropped.
   */
  async settled(limitMs: number): Promise<boolean> {
    if (this.#count === 0) return true;
    const timer = setTimeout(() => this.drop(), limitMs);
    await new Promise<void>(resolve => this.#idle.push(resolve));
    clearTimeout(timer);
    return !this.#controller.signal.aborted;
  }

  /** Gives up everything at once. */
  drop(): void {
    this.#controller.abort();
    while (this.#waiting.length > 0) this.#waiting.shift()!();
  }

  async #run(upload: Upload): Promise<void> {
    const { signal } = this.#controller;
    this.#running++;
    try {
      if (!signal.aborted) await upload.run(signal);
    } finally {
      this.#running--;
      this.#count--;
      this.#heldBytes -= upload.heldBytes;
      this.#next();
      if (this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  #next(): void {
    while (this.#running < this.#concurrency && this.#waiting.length > 0) this.#waiting.shift()!();
  }
}
