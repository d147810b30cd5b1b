// Remote tier: a shared HTTP cache behind the local one, in Bazel's layout (`/ac/<key>` records, `/cas/<sha256>` blobs).
//
//   get ── breaker ── budget ── GET /ac/<key> ── signature ── hit ── GET /cas/<sha256> ── hashes ── file or bytes
//   put ── upload queue ── breakers ── compress ── PUT /cas/<sha256> … ── PUT /ac/<key>
//
// It never makes a caller fail: whatever goes wrong is a miss, or something that is not stored, and is told once.
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { RemoteMode } from './options.ts';
import type { RecordFile, RecordKind } from './record.ts';

/**
 * A shared HTTP cache. One for each process: its budget, breaker, queue and warnings are meant for a whole build.
 * Entries are known by digests of all that makes them, so that two writers of one key write the same.
 */
export interface RemoteTier {
  /** Without credentials. */
  readonly url: string;
  readonly mode: RemoteMode;
  /**
   * The record of `key`, signed by a key that is trusted; undefined on a miss, which is also what every kind of trouble
   * is. Asks nothing while the breaker is open or once the budget is spent. An aborted `signal` makes it a miss.
   *
   * @param key 64 hexadecimal digits, such as `remoteKey` makes
   * @throws InvalidArgumentError for any other key
   */
  get(
    key: string,
    options: { kind: RecordKind; signal?: AbortSignal | undefined },
  ): Promise<RemoteHit | undefined>;
  /**
   * Uploads an entry in the background, its contents first, its record last, in the place of what was there. The promise
   * needs no waiting for, and does not reject because of the server or of a file. Contents must stay as they are until
   * it resolves.
   *
   * @throws InvalidArgumentError for a key or a name that cannot be, and for data that is not JSON
   */
  put(key: string, entry: RemotePut): Promise<PutOutcome>;
  /** What happened so far. */
  stats(): RemoteStats;
  /**
   * Waits for uploads: `limitMs` at most (default: 30,000), and only within the budget, to which bytes and finished
   * uploads give back. Drops the rest. Afterwards every `get` is a miss and every `put` is dropped.
   */
  close(options?: { limitMs?: number }): Promise<void>;
  /** Ends everything at once, as on Ctrl-C. */
  drop(): void;
}

/** A record that is believed. Its contents are fetched when they are asked for. */
export interface RemoteHit {
  /** Plain JSON, as it was put. */
  readonly data: unknown;
  readonly files: readonly RemoteFile[];
  /** When it was made, in milliseconds since the epoch. */
  readonly created: number;
  /** Who signed it. The name is from the reader's own list. */
  readonly signer: { readonly publicKey: string; readonly name: string | undefined };
  /**
   * Puts a file at `destination`, in one step, once its hashes are right. Resolves to false when it cannot be had: the
   * entry is a miss then, to be produced and put again.
   *
   * @param options.mode permission bits. Default: those of the record, else 0644
   * @throws InvalidArgumentError for a name that is not among `files`, and what the file system says of `destination`
   */
  getFile(
    name: string,
    destination: string,
    options?: { mode?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<boolean>;
  /** The content of a file, once its hashes are right; undefined when it cannot be had. @throws as {@link getFile} */
  getBytes(name: string, options?: { signal?: AbortSignal | undefined }): Promise<Buffer | undefined>;
}

export type RemoteFile = Readonly<Pick<RecordFile, 'name' | 'size' | 'sha256' | 'mode'>>;

export interface RemotePut {
  kind: RecordKind;
  /** Plain JSON. With names, and contents of up to 8 KiB, it must stay below a mebibyte. Default: null. */
  data?: unknown;
  files: readonly RemoteSource[];
}

/**
 * A content to upload: a file, or bytes. `sha256` is what the file must have when its turn comes. Names have no path
 * separators and are unique within the entry.
 */
export type RemoteSource =
  | { name: string; path: string; mode?: number | undefined; sha256?: string | undefined }
  | { name: string; bytes: Uint8Array };

/**
 * `dropped`: not tried, since there was no room in the queue, no time at the end, or the server was in trouble already.
 * `refused`: too large, or the file is not there or not what `sha256` says. `failed`: tried, without success.
 */
export type PutOutcome = 'stored' | 'read-only' | 'dropped' | 'refused' | 'failed';

export interface RemoteStats {
  /** Entries all of whose contents were delivered. */
  hits: number;
  /** Entries that were asked for and could not be had. What follows is why, where it is not that they are not there. */
  misses: number;
  /** Records and contents that were not believed. */
  refused: number;
  /** Requests of reading that failed. */
  failed: number;
  /** Requests of reading that were not sent: the breaker was open, the budget spent, or access denied. */
  skipped: number;
  stored: number;
  /** `dropped`, `refused` or `failed`. */
  notStored: number;
  /** Of bodies. */
  bytesReceived: number;
  /** Of bodies. */
  bytesSent: number;
  /** Milliseconds of the budget that are spent. */
  waitedMs: number;
  reading: CircuitBreaker['state'] | 'out-of-time';
  writing: CircuitBreaker['state'] | 'read-only';
}
