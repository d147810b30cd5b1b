// Connection of a thread's cache to its store. The first operation opens it, once: in the background, or with the thread
// blocked for it.
import type { ReadPath } from './read-path.ts';
import type { StoreClient } from './store-client.ts';

/** Ways for a thread to get its client of a store. */
export interface Connector {
  /** Resolves to the client. */
  later(): Promise<StoreClient>;
  /** The client at once, where that takes only a moment. */
  soon(): StoreClient | undefined;
  /**
   * The client at once, with the thread blocked for at most the cache's timeout. Undefined when that was not enough.
   */
  now(): StoreClient | undefined;
}

export class StoreConnection {
  readonly #connector: Connector;
  readonly #pathOf: (client: StoreClient) => ReadPath;
  #path: ReadPath | undefined;
  #opening: Promise<ReadPath> | undefined;

  constructor(connector: Connector, pathOf: (client: StoreClient) => ReadPath) {
    this.#connector = connector;
    this.#pathOf = pathOf;
  }

  /** The open connection, with its client. */
  get path(): ReadPath | undefined {
    return this.#path;
  }

  /** Resolves when it is open. Undefined before the first attempt, and after one that failed. */
  get opening(): Promise<ReadPath> | undefined {
    return this.#opening;
  }

  /** Opens it in the background. */
  later(): Promise<ReadPath> {
    if (this.#opening) return this.#opening;
    const opening = this.#connector.later().then(client => this.#opened(client));
    this.#opening = opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return opening;
  }

  /** Opens it now, if that takes only a moment and has not begun in the background. */
  soon(): void {
    if (this.#opening) return;
    const client = this.#connector.soon();
    if (client) this.#opened(client);
  }

  /** Opens it with this thread blocked. Undefined when that took too long. */
  now(): ReadPath | undefined {
    if (this.#path) return this.#path;
    const client = this.#connector.now();
    return client && this.#opened(client);
  }

  #opened(client: StoreClient): ReadPath {
    if (this.#path) {
      // A synchronous operation has opened a client meanwhile.
      client.close().catch(() => undefined);
      return this.#path;
    }
    const path = this.#pathOf(client);
    this.#path = path;
    this.#opening = Promise.resolve(path);
    return path;
  }
}
