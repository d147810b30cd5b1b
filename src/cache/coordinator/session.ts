// Session: the coordinator's side of one worker thread's connection. It ends with the thread, however that ends.
import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import { GloveboxError } from '../../errors.ts';
import { queueMicrotask, wallClock } from '../../system/time.ts';
import type { WriteOperation, WriteResult } from '../operations.ts';
import type {
  AggregatedCacheStats,
  CoordinatorApi,
  LeaseNotice,
  OpenRequest,
  WriteResponse,
} from '../protocol.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import { coordinatorStores } from '../storage/open-stores.ts';
import type { StoreReader } from '../storage/store.ts';
import type { StoreHost } from './host.ts';
import type { Client } from './leases.ts';
import { callEndpoint, isBatch, isOperation, isTime } from './validate.ts';

interface Instance {
  host: StoreHost;
  blobs: BlobFiles | undefined;
  timeout: number;
}

/** The open stores of the coordinator's thread, as a session needs them. */
export interface StoreProvider {
  /** Messages that do not follow the protocol. */
  dropped: number;
  /** The store of a root and tag, opened if it is not; waits at most the request's time, while `isWanted`. */
  openInTime(request: OpenRequest, client: Client, isWanted?: () => boolean): Promise<OpenedStore>;
  release(host: StoreHost, client: Client): void;
  aggregatedStats(): Promise<AggregatedCacheStats>;
}

/** A store that is open, and a thread's counters in it. */
export interface OpenedStore {
  host: StoreHost;
  counters: Float64Array;
}

export class Session {
  readonly #stores: StoreProvider;
  readonly #writes: MessagePort;
  readonly #instances = new Map<number, Instance>();
  readonly #parts = new Map<string, (WriteOperation & { type: 'set-many' })['entries']>();
  #nextId = 1;
  #hasEnded = false;
  #outbox: WriteResponse = [];

  constructor(stores: StoreProvider, control: MessagePort, writes: MessagePort, onEnd: () => void) {
    this.#stores = stores;
    this.#writes = writes;
    const drop = () => {
      stores.dropped++;
    };
    writes.on('message', (message: unknown) => (isBatch(message) ? this.#receive(message) : drop()));
    writes.on('messageerror', drop);
    // Ports close when their thread ends, also when it is terminated or crashes. One is useless without the other.
    control.on('close', () => writes.close());
    writes.on('close', () => {
      this.#hasEnded = true;
      control.close();
      onEnd();
    });
    expose(this.#control(), callEndpoint(control, drop));
    // Listening must not keep the process alive: a waiting worker does, and it is a handle itself.
    writes.unref();
    control.unref();
  }

  #receive(
    message: [id: number, instance: number, now: unknown, operation: unknown, until: number | null][],
  ): void {
    for (const [id, instanceId, now, operation, until] of message) {
      const instance = this.#instances.get(instanceId);
      if (!instance) {
        this.#answer(id, { failed: 'The cache is closed.' });
        continue;
      }
      if (!isTime(now) || !isOperation(operation, instance.blobs)) {
        this.#stores.dropped++;
        this.#answer(id, { failed: 'The operation does not follow the protocol.' });
        continue;
      }
      const whole = this.#assembled(operation);
      if (whole) void this.#write(instance, whole, now, until).then(result => this.#answer(id, result));
      else this.#answer(id, { value: true });
    }
  }

  #write(
    { host, timeout }: Instance,
    operation: WriteOperation,
    now: number,
    until: number | null,
  ): Promise<WriteResult> {
    if (until === null) return host.write(operation, now, timeout);
    const left = until - wallClock.now();
    // The clock may have been set since.
    return host.writeInTime(operation, now, Math.min(left, timeout));
  }

  // For many entries that arrive in parts: undefined before the last part, then all of them.
  #assembled(operation: WriteOperation): WriteOperation | undefined {
    if (operation.type !== 'set-many' || !operation.part) return operation;
    const { part, entries, ...rest } = operation;
    const before = this.#parts.get(part.of) ?? [];
    for (const entry of entries) before.push(entry);
    this.#parts.set(part.of, before);
    if (!part.isLast) return undefined;
    this.#parts.delete(part.of);
    return { ...rest, entries: before };
  }

  // All results of one commit are settled in one turn, and leave in one message.
  #answer(...result: WriteResponse[number]): void {
    this.#outbox.push(result);
    if (this.#outbox.length > 1) return;
    queueMicrotask(() => {
      this.#writes.postMessage(this.#outbox);
      this.#outbox = [];
    });
  }

  #control(): CoordinatorApi {
    const host = (instance: number): StoreHost => {
      const found = this.#instances.get(instance);
      if (!found) throw new Error('The cache is closed.');
      return found.host;
    };
    // A database error loses its code on the way back, so it is handled here.
    const reading = <T>(instance: number, read: (reader: StoreReader) => T): T | undefined => {
      const found = host(instance);
      try {
        return read(found.reader);
      } catch (error) {
        return found.readFailed(error);
      }
    };
    return {
      greet: () => undefined,
      open: async request => {
        try {
          // The thread may have ended meanwhile: its store would stay open for ever.
          const opened = await this.#stores.openInTime(request, this, () => !this.#hasEnded);
          // The thread is about to open it as well.
          coordinatorStores.trim();
          const { blobs } = opened.host;
          const instance = this.#nextId++;
          this.#instances.set(instance, { host: opened.host, blobs, timeout: request.timeout });
          const isOnDisk = opened.host.file !== undefined;
          return {
            ok: true,
            value: {
              instance,
              shared: opened.host.shared.buffers,
              counters: opened.counters.buffer as SharedArrayBuffer,
              directory: isOnDisk ? opened.host.options.directory : undefined,
              file: opened.host.file,
              writer: opened.host.options.writer,
            },
          };
        } catch (error) {
          if (!(error instanceof GloveboxError)) throw error;
          return { ok: false, code: error.code, message: error.message };
        }
      },
      release: instance => {
        const found = this.#instances.get(instance);
        this.#instances.delete(instance);
        if (found) this.#stores.release(found.host, this);
      },
      read: (instance, key) => reading(instance, reader => reader.read(key)) as never,
      page: (instance, ...query) => (reading(instance, reader => reader.page(...query)) ?? []) as never,
      readMany: (instance, keys) =>
        (reading(instance, reader => reader.readMany(keys)) ?? new Map()) as never,
      metadata: (instance, key) => reading(instance, reader => reader.metadata(key)) as never,
      lease: (instance, id, request) => {
        const notify = (notice: LeaseNotice) => this.#writes.postMessage(notice);
        return host(instance).leases.acquire(this, request, {
          onWait: ({ pid }) => notify({ id, type: 'waiting', pid }),
          onLost: () => notify({ id, type: 'lost' }),
        });
      },
      holds: (instance, key, token) => host(instance).leases.holds(key, token),
      abandon: (instance, key, token) => host(instance).leases.abandon(key, token),
      readFailed: (instance, message, code, epoch) =>
        host(instance).readFailed(Object.assign(new Error(message), { code }), epoch),
      tooLarge: (instance, key, size) => host(instance).tooLarge(key, size),
      stats: instance => host(instance).stats(),
      check: (instance, repair) => host(instance).check(repair),
      collect: instance => host(instance).collectGarbage(),
      tidy: instance => host(instance).runCleanup(),
      remote: async request => {
        try {
          // Loaded on demand: few caches are shared with other machines.
          const { ownGateway } = await import('../remote/gateway.ts');
          return { ok: true, value: await ownGateway().answer(request) };
        } catch (error) {
          if (!(error instanceof GloveboxError)) throw error;
          return { ok: false, code: error.code, message: error.message };
        }
      },
      aggregatedStats: () => this.#stores.aggregatedStats(),
    };
  }
}
