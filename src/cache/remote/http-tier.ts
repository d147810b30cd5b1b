// Remote tier over HTTP: decides when the server is asked, interprets its failures, and counts.
import pLimit from 'p-limit';
import { InvalidArgumentError } from '../../errors.ts';
import { wallClock } from '../../system/time.ts';
import { type Attempt, CircuitBreaker } from './circuit-breaker.ts';
import { Downloads, type Progress } from './downloads.ts';
import { RemoteFailure } from './failure.ts';
import { createHit, type Fetched } from './hit.ts';
import { HttpClient } from './http-client.ts';
import { describeRefusal, Notices } from './notices.ts';
import type { RemoteMode, RemoteOptions, RemoteSettings } from './options.ts';
import { isDigest, isFileName, type RecordKind } from './record.ts';
import type {
  PutOutcome,
  RemoteHit,
  RemotePut,
  RemoteSource,
  RemoteStats,
  RemoteTier,
} from './remote-tier.ts';
import { UploadQueue } from './upload-queue.ts';
import { UnfitForUpload, Uploads } from './uploads.ts';
import { type Wait, WaitBudget } from './wait-budget.ts';

// Each takes a connection.
const READS_AT_ONCE = 16;

export class HttpTier implements RemoteTier {
  readonly url: string;
  readonly mode: RemoteMode;
  readonly #client: HttpClient;
  readonly #downloads: Downloads;
  readonly #uploads: Uploads | undefined;
  readonly #reads: CircuitBreaker;
  readonly #writes: CircuitBreaker;
  readonly #budget: WaitBudget;
  readonly #queue: UploadQueue;
  readonly #notices: Notices;
  readonly #limit = pLimit(READS_AT_ONCE);
  readonly #ended = new AbortController();
  #isClosing = false;
  #closing: Wait | undefined;
  readonly #counts = {
    ...{ hits: 0, misses: 0, refused: 0, failed: 0, skipped: 0 },
    ...{ stored: 0, notStored: 0, bytesReceived: 0, bytesSent: 0 },
  };

  constructor(options: RemoteOptions, settings: RemoteSettings) {
    const { url, authorization, mode, trust, signingKey, maxSize, temporaryDirectory } = settings;
    this.url = url.href;
    this.mode = mode;
    this.#client = new HttpClient({ url, authorization, ...options.limits });
    this.#downloads = new Downloads(this.#client, trust, maxSize);
    if (mode === 'read-write' && signingKey !== undefined) {
      const clock = options.clock ?? wallClock.now;
      this.#uploads = new Uploads(this.#client, signingKey, { maxSize, temporaryDirectory, clock });
    }
    this.#reads = new CircuitBreaker(options.breaker);
    this.#writes = new CircuitBreaker(options.breaker);
    this.#budget = new WaitBudget(options.budget);
    this.#queue = new UploadQueue(options.uploads);
    this.#notices = new Notices(this.url, options.onWarning);
  }

  async get(
    key: string,
    { kind, signal }: { kind: RecordKind; signal?: AbortSignal | undefined },
  ): Promise<RemoteHit | undefined> {
    assertKey(key);
    const got = await this.#read(signal, progress => this.#downloads.record(key, kind, progress));
    if (got?.value === undefined || 'refusal' in got.value) {
      this.#counts.misses++;
      if (got?.value !== undefined && 'refusal' in got.value) {
        this.#refused(describeRefusal(key, got.value.refusal));
      }
      return undefined;
    }
    const { record, signer } = got.value;
    return createHit({
      ...{ record, signer, downloads: this.#downloads, got, isStep: kind === 'manifest' },
      fetch: (outer, work) => this.#read(outer, work),
      unpack: work => this.#unpack(work),
      onEnd: isHit => {
        if (isHit) this.#counts.hits++;
        else this.#counts.misses++;
      },
    });
  }

  async put(key: string, { kind, data = null, files }: RemotePut): Promise<PutOutcome> {
    assertKey(key);
    assertSources(files);
    const json = jsonOf(data);
    const uploads = this.#uploads;
    if (uploads === undefined) return 'read-only';
    let outcome = 'dropped' as PutOutcome;
    const heldBytes = files.reduce(
      (sum, file) => sum + ('bytes' in file ? file.bytes.byteLength : 0),
      json.length,
    );
    const run = async (signal: AbortSignal) => {
      outcome = await this.#upload(key, signal, sent =>
        uploads.entry(key, kind, json, files, { signal, sent }),
      );
    };
    const queued = this.#isClosing ? undefined : this.#queue.add({ heldBytes, run });
    if (queued === undefined && !this.#isClosing) {
      this.#notices.trouble('entries are produced faster than they can be uploaded');
    }
    await queued;
    if (outcome === 'stored') this.#counts.stored++;
    else this.#counts.notStored++;
    return outcome;
  }

  stats(): RemoteStats {
    return {
      ...this.#counts,
      waitedMs: this.#budget.spentMs,
      reading: this.#budget.isExhausted ? 'out-of-time' : this.#reads.state,
      writing: this.mode === 'read' ? 'read-only' : this.#writes.state,
    };
  }

  async close({ limitMs = 30_000 }: { limitMs?: number } = {}): Promise<void> {
    this.#isClosing = true;
    const left = this.#queue.size;
    if (left > 0) {
      this.#closing = this.#budget.begin();
      if (this.#closing === undefined) this.#queue.drop();
      this.#closing?.signal.addEventListener('abort', () => this.#queue.drop(), { once: true });
      const isInTime = await this.#queue.settled(limitMs);
      if (!isInTime) this.#notices.trouble(`some of the last ${left} uploads did not finish in time`);
      this.#closing?.end();
    }
    this.drop();
  }

  drop(): void {
    this.#isClosing = true;
    this.#queue.drop();
    this.#ended.abort();
  }

  /** Runs a request that a caller waits for. Undefined when it failed, or may not be sent. */
  #read<T>(
    outer: AbortSignal | undefined,
    work: (progress: Progress) => Promise<T>,
  ): Promise<Fetched<T> | undefined> {
    return this.#limit(async () => {
      const attempt = this.#ended.signal.aborted ? undefined : this.#reads.begin();
      const wait = attempt && this.#budget.begin();
      if (!attempt || !wait) {
        attempt?.abandoned();
        this.#counts.skipped++;
        return undefined;
      }
      const ends = [wait.signal, this.#ended.signal];
      const signal = AbortSignal.any(outer === undefined ? ends : [...ends, outer]);
      const received = (bytes: number) => {
        this.#counts.bytesReceived += bytes;
        wait.received(bytes);
      };
      try {
        const value = await work({ signal, received });
        attempt.succeeded();
        return { value, paidOff: () => wait.paidOff() };
      } catch (error) {
        this.#readFailed(error, attempt, wait);
        return undefined;
      } finally {
        wait.end();
      }
    });
  }

  /** @throws errors that the server did not cause, such as a destination that cannot be written */
  #readFailed(error: unknown, attempt: Attempt, wait: Wait): void {
    if (error instanceof RemoteFailure && (error.kind === 'missing' || error.kind === 'content')) {
      attempt.succeeded();
      if (error.kind === 'content') this.#refused(error.message);
      return;
    }
    if (!(error instanceof RemoteFailure)) {
      attempt.abandoned();
      throw error;
    }
    this.#failed(error, attempt, this.#reads);
    if (error.kind !== 'aborted') this.#counts.failed++;
    if (!wait.signal.aborted) return;
    const seconds = this.#budget.budgetMs / 1000;
    this.#notices.trouble(`it took more than ${seconds} s in total, and is not asked any more`);
  }

  /** A content that has arrived already needs neither the server nor the budget. */
  async #unpack<T>(work: (progress: Progress) => Promise<T>): Promise<Fetched<T> | undefined> {
    try {
      return { value: await work({ signal: this.#ended.signal, received() {} }), paidOff() {} };
    } catch (error) {
      if (!(error instanceof RemoteFailure)) throw error;
      this.#refused(error.message);
      return undefined;
    }
  }

  async #upload(
    key: string,
    signal: AbortSignal,
    send: (sent: (bytes: number) => void) => Promise<void>,
  ): Promise<PutOutcome> {
    if (!this.#reads.lets || this.#budget.isExhausted || !(await this.#isAlive(key, signal)))
      return 'dropped';
    const attempt = this.#writes.begin();
    if (!attempt) return 'dropped';
    try {
      await send(bytes => {
        this.#counts.bytesSent += bytes;
        this.#closing?.received(bytes);
      });
      attempt.succeeded();
      this.#closing?.paidOff();
      return 'stored';
    } catch (error) {
      if (error instanceof RemoteFailure) {
        this.#failed(error, attempt, this.#writes);
        return error.kind === 'aborted' ? 'dropped' : 'failed';
      }
      attempt.abandoned();
      this.#notices.unfit((error as Error).message);
      return error instanceof UnfitForUpload ? 'refused' : 'failed';
    }
  }

  /** After a failed read, a short request precedes an upload: uploads have long limits. */
  async #isAlive(key: string, signal: AbortSignal): Promise<boolean> {
    if (this.#reads.failures === 0) return true;
    const attempt = this.#reads.begin();
    if (!attempt) return false;
    try {
      await this.#client.has(`/ac/${key}`, signal);
      attempt.succeeded();
      return true;
    } catch (error) {
      if (!(error instanceof RemoteFailure)) {
        attempt.abandoned();
        throw error;
      }
      this.#failed(error, attempt, this.#reads);
      return false;
    }
  }

  #failed(failure: RemoteFailure, attempt: Attempt, breaker: CircuitBreaker): void {
    if (failure.kind === 'aborted') {
      attempt.abandoned();
      return;
    }
    attempt.failed(failure.retryAfterMs);
    if (failure.kind === 'denied') {
      breaker.turnOff();
      this.#notices.trouble(
        `${failure.message}. Check GLOVEBOX_REMOTE_TOKEN, and the server's write permissions`,
      );
    } else this.#notices.trouble(failure.message);
  }

  #refused(what: string): void {
    this.#counts.refused++;
    this.#notices.refused(what);
  }
}

function assertKey(key: unknown): void {
  if (isDigest(key)) return;
  throw new InvalidArgumentError(
    `A remote key is ${JSON.stringify(key)}, but must be 64 hexadecimal digits in lower case.`,
  );
}

function assertSources(sources: readonly RemoteSource[]): void {
  for (const [index, { name }] of sources.entries()) {
    if (!isFileName(name)) {
      throw new InvalidArgumentError(
        `${JSON.stringify(name)} cannot be the name of a file in a remote entry.`,
      );
    }
    if (sources.findIndex(other => other.name === name) !== index) {
      throw new InvalidArgumentError(`A remote entry has two files with the name ${JSON.stringify(name)}.`);
    }
  }
}

function jsonOf(data: unknown): string {
  try {
    const json: unknown = JSON.stringify(data);
    if (typeof json === 'string') return json;
  } catch (error) {
    throw new InvalidArgumentError(`The data of a remote entry is not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new InvalidArgumentError(
    `The data of a remote entry is a ${typeof data}, which JSON cannot represent.`,
  );
}
