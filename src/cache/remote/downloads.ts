// Downloads: records with a trusted signature, and contents with the right hash. Everything else is a RemoteFailure.
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { temporaryPath, writeAtomically, writeBytesAtomically } from '../../system/atomic-write.ts';
import { Digest, unpackBytes, unpackFile, unpackInline } from './contents.ts';
import { RemoteFailure } from './failure.ts';
import type { HttpClient } from './http-client.ts';
import {
  type BlobReference,
  type Decoded,
  decodeRecord,
  MAX_RECORD,
  type RecordFile,
  type RecordKind,
  type RemoteRecord,
} from './record.ts';
import type { TrustedKey } from './signing.ts';

/** Abort signal of a download, and the callback for its bytes. */
export interface Progress {
  signal: AbortSignal;
  received(bytes: number): void;
}

export class Downloads {
  readonly #client: HttpClient;
  readonly #trust: readonly TrustedKey[];
  readonly #maxSize: number;

  constructor(client: HttpClient, trust: readonly TrustedKey[], maxSize: number) {
    this.#client = client;
    this.#trust = trust;
    this.#maxSize = maxSize;
  }

  /** The record stored under `key`; undefined when there is none. @throws RemoteFailure */
  async record(key: string, kind: RecordKind, progress: Progress): Promise<Decoded | undefined> {
    const path = `/ac/${key}`;
    const parts: Uint8Array[] = [];
    const isThere = await this.#client.get(path, {
      ...{ accept: 'application/json', maxBytes: MAX_RECORD, size: 'small', signal: progress.signal },
      onBytes: bytes => {
        progress.received(bytes.length);
        parts.push(bytes);
      },
    });
    if (!isThere) return undefined;
    const bytes = Buffer.concat(parts);
    const decoded = decodeRecord(bytes, { key, kind, trust: this.#trust });
    if ('refusal' in decoded && decoded.refusal.why === 'not-a-record') {
      throw new RemoteFailure('not-a-cache', `GET ${path}: the answer is not a record, ${startOf(bytes)}`);
    }
    if ('record' in decoded) this.#assertSize(key, decoded.record);
    return decoded;
  }

  /** The content of a file. @throws RemoteFailure */
  async toBytes(file: RecordFile, progress: Progress): Promise<Buffer> {
    const { content } = file;
    if ('inline' in content) return unpackInline(content.inline, file);
    const parts: Uint8Array[] = [];
    await this.#blob(content.blob, file, progress, bytes => {
      parts.push(bytes);
    });
    return unpackBytes(Buffer.concat(parts), file);
  }

  /** Writes the content of a file to `destination`, in one step. @throws RemoteFailure, and the file system's errors */
  async toFile(file: RecordFile, destination: string, mode: number, progress: Progress): Promise<void> {
    const { content } = file;
    if ('inline' in content) {
      await writeBytesAtomically(destination, unpackInline(content.inline, file), mode);
      return;
    }
    const { blob } = content;
    await writeAtomically(destination, mode, async temporary => {
      if (blob.encoding === 'identity') {
        await this.#blobToFile(blob, file, progress, temporary);
        return true;
      }
      const packed = await temporaryPath(dirname(destination));
      try {
        await this.#blobToFile(blob, file, progress, packed);
        await unpackFile(packed, temporary, file);
      } finally {
        await rm(packed, { force: true });
      }
      return true;
    });
  }

  /** Neither the download nor the unpacked content may have more bytes than are allowed. */
  #assertSize(key: string, { files }: RemoteRecord): void {
    let size = 0;
    for (const file of files)
      size += Math.max(file.size, 'blob' in file.content ? file.content.blob.size : 0);
    if (size <= this.#maxSize) return;
    throw new RemoteFailure(
      'content',
      `the entry ${key} has ${size} bytes, where ${this.#maxSize} are allowed`,
    );
  }

  async #blobToFile(blob: BlobReference, file: RecordFile, progress: Progress, path: string): Promise<void> {
    const handle = await open(path, 'wx', 0o600);
    try {
      await this.#blob(blob, file, progress, bytes => handle.writeFile(bytes));
    } finally {
      await handle.close();
    }
  }

  async #blob(
    blob: BlobReference,
    file: RecordFile,
    progress: Progress,
    onBytes: (bytes: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const name = JSON.stringify(file.name);
    if (file.size > this.#maxSize || blob.size > this.#maxSize) {
      throw new RemoteFailure(
        'content',
        `${name} has ${file.size} bytes, where ${this.#maxSize} are allowed`,
      );
    }
    const digest = new Digest();
    const isThere = await this.#client.get(`/cas/${blob.sha256}`, {
      ...{ accept: 'application/octet-stream', maxBytes: blob.size, size: 'blob', signal: progress.signal },
      onBytes: bytes => {
        progress.received(bytes.length);
        digest.add(bytes);
        return onBytes(bytes);
      },
    });
    if (!isThere) throw new RemoteFailure('missing', `the blob ${blob.sha256} of ${name} is no longer there`);
    const { size, sha256 } = digest.end();
    if (size !== blob.size || sha256 !== blob.sha256) {
      throw new RemoteFailure('content', `the blob ${blob.sha256} of ${name} has a different content`);
    }
  }
}

function startOf(bytes: Buffer): string {
  const text = bytes
    .subarray(0, 40)
    .toString('utf8')
    .replace(/\p{Cc}+/gu, ' ');
  return bytes.length === 0 ? 'it is empty' : `it begins with ${JSON.stringify(text)}`;
}
