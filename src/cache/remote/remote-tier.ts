// Remote tier: a shared HTTP cache behind the local one, in Bazel's layout (`/ac/<key>` records, `/cas/<sha256>` blobs).
//
//   get ── breaker ── budget ── GET /ac/<key> ── signature ── hit ── GET /cas/<sha256> ── hashes ── file or bytes
//   put ── upload queue ── breakers ── compress ── PUT /cas/<sha256> … ── PUT /ac/<key>
//
// It never makes a caller fail: any trouble is a miss, or an entry that is not stored, and is reported once.
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { RemoteMode } from './options.ts';
import type { RecordFile, RecordKind } from './record.ts';

/**
 * A shared HTTP cache. One for each process: its budget, breaker, queue and warnings are meant for a whole build. The
 * keys of entries are digests of everything that makes them, so that two writers of one key write the same.
 */
export interface RemoteTier {
  /** Without credentials. */
  readonly url: string;
  readonly mode: RemoteMode;
  /**
   * The record of `key`, signed by a trusted key; undefined on a miss, and after any kind of trouble. Sends no request
   * while the breaker is open or once the budget is spent. An aborted `signal` makes it a miss.
   *
   * @param key 64 hexadecimal digits, such as `remoteKey` makes
   * @throws InvalidArgumentError for any other key
   */
  get(
    key: string,
    options: { kind: RecordKind; signal?: AbortSignal | undefined },
  ): Promise<RemoteHit | undefined>;
  /**
   * Uploads an entry in the background, its contents first, its record last, replacing an earlier entry. The promise
   * need not be awaited, and does not reject because of the server or of a file. Contents must not change until it
   * resolves.
   *
   * @throws InvalidArgumentError for an invalid key or name, and for data that is not JSON
   */
  put(key: string, entry: RemotePut): Promise<PutOutcome>;
  /** Counts so far. */
  stats(): RemoteStats;
  /**
   * Waits for uploads: `limitMs` at most (default: 30,000), and only within the budget, to which bytes and finished
   * uploads give back. Drops the rest. Afterwards every `get` is a miss and every `put` is dropped.
   */
  close(options?: { limitMs?: number }): Promise<void>;
  /** Ends everything at once, as on Ctrl-C. */
  drop(): void;
}

/** A trusted record. Its contents are fetched on demand. */
export interface RemoteHit {
  /** Plain JSON, as it was put. */
  readonly data: unknown;
  readonly files: readonly RemoteFile[];
  /** Creation time, in milliseconds since the epoch. */
  readonly created: number;
  /** The key that signed it. The name is from the reader's own list. */
  readonly signer: { readonly publicKey: string; readonly name: string | undefined };
  /**
   * Writes a file to `destination`, in one step, once its hashes are right. Resolves to false when the file cannot be
   * fetched: the entry is a miss then, to be produced and put again.
   *
   * @param options.mode permission bits. Default: those of the record, else 0644
   * @throws InvalidArgumentError for a name that is not among `files`, and the file system's errors about `destination`
   */
  getFile(
    name: string,
    destination: string,
    options?: { mode?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<boolean>;
  /**
   * The content of a file, once its hashes are right; undefined when it cannot be fetched. @throws as {@link getFile}
   */
  getBytes(name: string, options?: { signal?: AbortSignal | undefined }): Promise<Buffer | undefined>;
  /**
   * Gives the time for this hit back to the budget. A hit does it itself once all of its contents were delivered, except a
   * manifest: that is only a step, which pays off when what it leads to was found.
   */
  paidOff(): void;
}

export type RemoteFile = Readonly<Pick<RecordFile, 'name' | 'size' | 'sha256' | 'mode'>>;

export interface RemotePut {
  kind: RecordKind;
  /** Plain JSON. With names, and contents of up to 8 KiB, it must stay below a mebibyte. Default: null. */
  data?: unknown;
  files: readonly RemoteSource[];
}

/**
 * A content to upload: a file, or bytes. `sha256` is the hash that the file must have when it is uploaded. Names have
 * no path separators and are unique within the entry.
 */
export type RemoteSource =
  | { name: string; path: string; mode?: number | undefined; sha256?: string | undefined }
  | { name: string; bytes: Uint8Array };

/**
 * `dropped`: not tried, since there was no room in the queue, no time at the end, or the server was in trouble already.
 * `refused`: too large, or the file is missing or does not match `sha256`. `failed`: tried, without success.
 */
export type PutOutcome = 'stored' | 'read-only' | 'dropped' | 'refused' | 'failed';

export interface RemoteStats {
  /** Entries all of whose contents were delivered. */
  hits: number;
  /** Entries that were requested and could not be had. The counts below give the reasons other than absence. */
  misses: number;
  /** Records and contents that were not trusted. */
  refused: number;
  /** Read requests that failed. */
  failed: number;
  /** Read requests that were not sent: the breaker was open, the budget spent, or access denied. */
  skipped: number;
  stored: number;
  /** `dropped`, `refused` or `failed`. */
  notStored: number;
  /** Bytes of bodies only. */
  bytesReceived: number;
  /** Bytes of bodies only. */
  bytesSent: number;
  /** Milliseconds of the budget that are spent. */
  waitedMs: number;
  reading: CircuitBreaker['state'] | 'out-of-time';
  writing: CircuitBreaker['state'] | 'read-only';
}
