// Values on their way to be written that are not at hand yet: entries that are still taken from the caller, and large
// values, which become temporary files before the transaction gives them their names. Step by step, or, when something
// has to be written at once after them, all that is left in one go.
import type { IncomingValue, WriteOperation } from '../operations.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import { isReady, type PendingValue } from './pending-value.ts';
import type { StoreClient } from './store-client.ts';

export interface PreparationOptions {
  values: PendingValue[];
  /** Adds what is left to `values`, a step at a time. */
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

  /** What is ready so far. */
  get ready(): readonly IncomingValue[] {
    return this.#ready;
  }

  /** Whether it is the caller's own iterable that asks, in the midst of what is taken from it. */
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

  /** The operation, with all that is left done now. */
  runNow({ blobs }: StoreClient): WriteOperation {
    while (this.#takeNext());
    this.#blobs = blobs;
    for (const value of this.#values.slice(this.#ready.length)) {
      this.#ready.push(isReady(value) ? value : value.prepareNow(blobs));
    }
    return this.#result ?? this.#finish();
  }

  // False when there is nothing left.
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

  /** Removes the temporary files that are still there: the transaction has renamed what it stored. */
  async discard(): Promise<void> {
    for (const { temporary } of this.#ready) if (temporary) await this.#blobs?.discard(temporary);
  }

  /** The same, at once. */
  discardNow(): void {
    for (const { temporary } of this.#ready) if (temporary) this.#blobs?.discardNow(temporary);
  }
}
