// Coordinator: keeps the registry of open stores of its thread, and serves the threads below it.
import { randomUUID } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { sleepSync } from '../../system/sleep-sync.ts';
import { pause, performance } from '../../system/time.ts';
import { closeForeignHello, isHello } from '../client/handshake.ts';
import { assertTag } from '../keys.ts';
import type { AggregatedCacheStats, Hello, OpenRequest } from '../protocol.ts';
import { StoreBusyError } from '../storage/store.ts';
import { agree } from './agree.ts';
import { StoreHost } from './host.ts';
import type { Client } from './leases.ts';
import { PeerCoordinators } from './peer-coordinators.ts';
import { type OpenedStore, Session, type StoreProvider } from './session.ts';

const BUSY_RETRY_MS = 100;

export class Coordinator implements StoreProvider {
  readonly #hosts = new Map<string, StoreHost>();
  readonly #sessions = new Set<Session>();
  // Each coordinator signs its transactions: other processes and other coordinators tell its changes from their own.
  readonly #writer = randomUUID();
  readonly #peers = new PeerCoordinators();
  readonly #isStray: boolean;
  /** Messages that do not follow the protocol. */
  dropped = 0;

  /** @param isStray other threads may coordinate the same stores, unknown to this one so far */
  constructor(isStray = false) {
    this.#isStray = isStray;
  }

  /** Creates a port to pass to a worker thread by hand, for `connectToCoordinator`. It may be used by one thread. */
  createPort(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (message: unknown) => {
      if (isHello(message)) return this.accept(message);
      this.dropped++;
      closeForeignHello(message);
    });
    port1.unref();
    return port2;
  }

  /** Serves a worker thread until it ends. */
  accept({ thread, control, writes }: Hello): void {
    const session = new Session(this, control, writes, () => {
      this.#sessions.delete(session);
      for (const host of [...this.#hosts.values()]) {
        const wasUsed = host.clientCount > 0;
        host.onThreadExit(thread);
        if (host.dropClient(session) && wasUsed) this.#leave(host);
      }
    });
    this.#sessions.add(session);
  }

  /**
   * The store of a root and tag, opened if it is not. While another process keeps the database from being opened (such
   * as one that was suspended while opening it), this waits for as long as the request says, and then continues without
   * a store. Rejects with ConflictingOptionsError or InvalidArgumentError, and once `isWanted` returns false.
   */
  async openInTime(request: OpenRequest, client: Client, isWanted = () => true): Promise<OpenedStore> {
    const until = performance.now() + request.timeout;
    for (;;) {
      if (!isWanted()) throw new Error('The thread has ended.');
      try {
        return this.open(request, client, performance.now() < until);
      } catch (error) {
        if (!(error instanceof StoreBusyError)) throw error;
      }
      await pause(BUSY_RETRY_MS);
    }
  }

  /** As {@link openInTime}, with this thread blocked meanwhile. */
  openNow(request: OpenRequest, client: Client): OpenedStore {
    const until = performance.now() + request.timeout;
    for (;;) {
      try {
        return this.open(request, client, performance.now() < until);
      } catch (error) {
        if (!(error instanceof StoreBusyError)) throw error;
      }
      sleepSync(BUSY_RETRY_MS);
    }
  }

  /**
   * As {@link openInTime}, at once: without a store when it cannot be opened, or with {@link StoreBusyError} when
   * another process is the reason and it `mayBeBusy`.
   */
  open(request: OpenRequest, client: Client, mayBeBusy = false): OpenedStore {
    const { tag, backend, maxSize, policy, allowUntrusted, explicit } = request;
    // Checked again where it becomes a path: the request may come from another thread.
    assertTag(tag);
    const root = backend === 'sqlite' ? canonical(request.cacheRoot) : request.cacheRoot;
    const directory = join(root, tag);
    let host = this.#hosts.get(nameOf(directory, backend));
    const other = this.#hosts.get(nameOf(directory, backend === 'sqlite' ? 'memory' : 'sqlite'));
    // An unused store in memory does not conflict with another one.
    const open = other && other.clientCount > 0 ? other : host;
    const terms = open ? agree(open.options, request, directory) : undefined;
    if (host) {
      host.adopt(terms!);
    } else {
      const options = { tag, directory, backend, maxSize, policy, allowUntrusted, explicit };
      host = new StoreHost({ ...options, writer: this.#writer }, mayBeBusy);
      this.#hosts.set(nameOf(directory, backend), host);
      const { versions } = host.shared;
      const onPeer = () => versions.setPeerCoordinators();
      if (this.#isStray) onPeer();
      this.#peers.opened(directory, tag, backend, onPeer);
    }
    return { host, counters: host.addUser(client) };
  }

  /** One cache instance of the client is closed. A store on disk is closed with its last one. */
  release(host: StoreHost, client: Client): void {
    if (host.removeUser(client)) this.#leave(host);
  }

  /** Releases the entries of stores in memory that have no users any more. */
  forgetUnused(): void {
    for (const host of [...this.#hosts.values()]) if (host.clientCount === 0) this.#closeHost(host);
  }

  // Entries in memory stay for the next thread of a pool, which may end all its threads while it has no work.
  #leave(host: StoreHost): void {
    if (host.options.backend === 'memory') host.forgetTerms();
    else this.#closeHost(host);
  }

  #closeHost(host: StoreHost): void {
    const { directory, backend } = host.options;
    this.#hosts.delete(nameOf(directory, backend));
    this.#peers.closed(directory, backend);
    host.close();
  }

  async aggregatedStats(): Promise<AggregatedCacheStats> {
    const all: AggregatedCacheStats = {
      totalInstances: this.#hosts.size,
      instances: {},
      totalSize: 0,
      totalCount: 0,
      totalHits: 0,
      totalMisses: 0,
      hitRate: 0,
    };
    for (const host of this.#hosts.values()) {
      const stats = await host.stats();
      const { directory, backend } = host.options;
      all.instances[directory in all.instances ? nameOf(directory, backend) : directory] = stats;
      all.totalSize += stats.size;
      all.totalCount += stats.count;
      all.totalHits += stats.hits;
      all.totalMisses += stats.misses;
    }
    const reads = all.totalHits + all.totalMisses;
    all.hitRate = reads === 0 ? 0 : all.totalHits / reads;
    return all;
  }

  /** Counts of what is held for others, for tests and diagnosis. Unused stores do not count. */
  inspect(): { sessions: number; stores: number; clients: number; leases: number; dropped: number } {
    const hosts = [...this.#hosts.values()];
    return {
      sessions: this.#sessions.size,
      stores: hosts.filter(host => host.clientCount > 0).length,
      clients: hosts.reduce((sum, host) => sum + host.clientCount, 0),
      leases: hosts.reduce((sum, host) => sum + host.leases.count, 0),
      dropped: this.dropped,
    };
  }
}

// A tag may have a store of each backend, one after the other.
function nameOf(directory: string, backend: string): string {
  return `${backend}:${directory}`;
}

// Two names of one directory are one store.
function canonical(root: string): string {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    return realpathSync(root);
  } catch {
    return root;
  }
}
