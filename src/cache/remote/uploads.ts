// Uploads: the contents of an entry, then the signed record that refers to them.
import { rm } from 'node:fs/promises';
import { temporaryPath } from '../../system/atomic-write.ts';
import { type Packed, packBytes, packFile } from './contents.ts';
import { RemoteFailure } from './failure.ts';
import type { HttpClient } from './http-client.ts';
import { encodeRecord, MAX_RECORD, type RecordFile, type RecordKind } from './record.ts';
import type { RemoteSource } from './remote-tier.ts';
import type { SigningKey } from './signing.ts';

export interface UploadProgress {
  signal: AbortSignal;
  sent(bytes: number): void;
}

/** The entry cannot be uploaded to any server. */
export class UnfitForUpload extends Error {}

export class Uploads {
  readonly #client: HttpClient;
  readonly #signingKey: SigningKey;
  readonly #maxSize: number;
  readonly #temporaryDirectory: string;
  readonly #clock: () => number;

  constructor(
    client: HttpClient,
    signingKey: SigningKey,
    {
      maxSize,
      temporaryDirectory,
      clock,
    }: { maxSize: number; temporaryDirectory: string; clock: () => number },
  ) {
    this.#client = client;
    this.#signingKey = signingKey;
    this.#maxSize = maxSize;
    this.#temporaryDirectory = temporaryDirectory;
    this.#clock = clock;
  }

  /**
   * Uploads one entry. Blobs are sent even when the server has them: it may have them damaged.
   *
   * @param json the entry's data
   * @throws RemoteFailure, UnfitForUpload
   */
  async entry(
    key: string,
    kind: RecordKind,
    json: string,
    sources: readonly RemoteSource[],
    progress: UploadProgress,
  ): Promise<void> {
    const files: RecordFile[] = [];
    const sent = new Set<string>();
    let left = this.#maxSize;
    for (const source of sources) {
      const scratch = 'path' in source ? await temporaryPath(this.#temporaryDirectory) : undefined;
      try {
        const packed = await this.#pack(source, scratch, left);
        left -= packed.size;
        const mode = 'path' in source ? (source.mode ?? null) : null;
        files.push({
          name: source.name,
          size: packed.size,
          sha256: packed.sha256,
          mode,
          content: packed.content,
        });
        await this.#blob(packed, sent, progress);
      } finally {
        if (scratch !== undefined) await rm(scratch, { force: true });
      }
    }
    const record = { key, kind, created: this.#clock(), data: JSON.parse(json) as unknown, files };
    const bytes = encodeRecord(record, this.#signingKey);
    if (bytes.length > MAX_RECORD) throw new UnfitForUpload(`its record has ${bytes.length} bytes`);
    await this.#put(`/ac/${key}`, 'application/json', bytes.length, () => once(bytes), progress);
  }

  async #pack(source: RemoteSource, scratch: string | undefined, left: number): Promise<Packed> {
    let packed: Packed;
    try {
      packed = 'path' in source ? await packFile(source.path, scratch!, left) : await packBytes(source.bytes);
    } catch (error) {
      throw new UnfitForUpload((error as Error).message, { cause: error });
    }
    if (packed.size > left) {
      throw new UnfitForUpload(`with ${JSON.stringify(source.name)} it has more than ${this.#maxSize} bytes`);
    }
    if ('path' in source && source.sha256 !== undefined && source.sha256 !== packed.sha256) {
      throw new UnfitForUpload(`${source.path} has changed`);
    }
    return packed;
  }

  async #blob({ content, body }: Packed, sent: Set<string>, progress: UploadProgress): Promise<void> {
    if ('inline' in content || body === undefined || sent.has(content.blob.sha256)) return;
    const { sha256, size } = content.blob;
    await this.#put(`/cas/${sha256}`, 'application/octet-stream', size, body, progress);
    sent.add(sha256);
  }

  async #put(
    path: string,
    contentType: string,
    length: number,
    body: () => AsyncIterable<Uint8Array>,
    { signal, sent }: UploadProgress,
  ): Promise<void> {
    if (signal.aborted) throw new RemoteFailure('aborted', 'given up');
    await this.#client.put(path, { contentType, length, body, signal, onSent: sent });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
