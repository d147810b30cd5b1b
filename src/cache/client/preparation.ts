// Preparation of values for a write: entries are taken from the caller's iterable, and large values become temporary
// files, to be renamed inside the transaction. It runs step by step, or all at once when a synchronous write has to
// follow it immediately.
import type { IncomingValue, WriteOperation } from '../operations.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import { isReady, type PendingValue } from './pending-value.ts';
import type { StoreClient } from './store-client.ts';

export interface PreparationOptions {
  values: PendingValue[];
  /** Adds the remaining values to `values`, a step at a time. */
  rest?: Iterator<unknown>;
  operation: (ready: IncomingValue[]) => WriteOperation;
}

export class Preparation {
  readonly #values: PendingValue[];
  readonly #rest: Iterator<unknown> | undefined;
  readonly #operation: PreparationOptions['operation'];
  readonly #ready: IncomingValue[] = [];
  #blobs: BlobFiles | undefined;
  #isTaking = false;
  #result: WriteOperation | undefined;

  constructor({ values, rest, operation }: PreparationOptions) {
    this.#values = values;
    this.#rest = rest;
    this.#operation = operation;
  }

  /** The values that are ready so far. */
  get ready(): readonly IncomingValue[] {
    return this.#ready;
  }

  /** Whether the call comes from the caller's own iterable, while a value is being taken from it. */
  get isTaking(): boolean {
    return this.#isTaking;
  }

  /** The operation; undefined when {@link runNow} was called meanwhile. `pause` is awaited between two entries. */
  async run(client: Promise<StoreClient>, pause: () => Promise<void>): Promise<WriteOperation | undefined> {
    while (!this.#result && this.#takeNext()) await pause();
    const { blobs } = await client;
    for (const value of this.#values.slice(this.#ready.length)) {
      if (this.#result) return undefined;
      const ready = isReady(value) ? value : await value.prepare(blobs);
      if (this.#result) {
        await blobs?.discard(ready.temporary);
        return undefined;
      }
      this.#ready.push(ready);
      this.#blobs = blobs;
    }
    return this.#result ? undefined : this.#finish();
  }

  /** The operation, with all remaining work done now. */
  runNow({ blobs }: StoreClient): WriteOperation {
    while (this.#takeNext());
    this.#blobs = blobs;
    for (const value of this.#values.slice(this.#ready.length)) {
      this.#ready.push(isReady(value) ? value : value.prepareNow(blobs));
    }
    return this.#result ?? this.#finish();
  }

  // False when nothing is left.
  #takeNext(): boolean {
    if (!this.#rest) return false;
    this.#isTaking = true;
    try {
      return !this.#rest.next().done;
    } finally {
      this.#isTaking = false;
    }
  }

  #finish(): WriteOperation {
    this.#result = this.#operation(this.#ready);
    return this.#result;
  }

  /** Removes the temporary files that are still there: the transaction has renamed those that it stored. */
  async discard(): Promise<void> {
    for (const { temporary } of this.#ready) if (temporary) await this.#blobs?.discard(temporary);
  }

  /** As {@link discard}, at once. */
  discardNow(): void {
    for (const { temporary } of this.#ready) if (temporary) this.#blobs?.discardNow(temporary);
  }
}
