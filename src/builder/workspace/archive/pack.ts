// Packing of a workspace into an archive.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { KnownWorkspace } from '../store.ts';
import { collectEntries } from './collect.ts';
import {
  ABOUT_FILE,
  type AboutArchive,
  ARCHIVE_SCHEMA,
  type ArchiveEntry,
  type ArchiveProgress,
  CHECKSUMS_FILE,
  fileSum,
  linkSum,
} from './entry.ts';
import { formatOfName } from './format.ts';

export interface PackOptions {
  signal?: AbortSignal;
  onProgress?: (progress: ArchiveProgress) => void;
}

/** Bytes. Smaller files are read in one go. */
const SMALL = 1024 * 1024;

/**
 * Packs a workspace into `file`, in the format of its extension, and resolves to its unpacked size in bytes. An
 * existing file is replaced once the archive is complete; on failure nothing is left. Rejects with `WorkspaceError` for
 * an unknown extension or a file that cannot be packed, and otherwise with the file system's error.
 */
export async function packWorkspace(
  {
    path: directory,
    repository,
    revision,
    manifests,
  }: Pick<KnownWorkspace, 'path' | 'repository' | 'revision' | 'manifests'>,
  file: string,
  { signal, onProgress }: PackOptions = {},
): Promise<number> {
  const format = formatOfName(file);
  const entries = await collectEntries(directory);
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
  const count = entries.filter(({ kind }) => kind !== 'directory').length;
  const about: AboutArchive = { schema: ARCHIVE_SCHEMA, repository, revision, manifests, count, bytes };
  const source = new Source(directory, bytes, onProgress);
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    const out = createWriteStream(temporary, { flags: 'wx' });
    if (format === 'zip') await pipeline(await zip(about, entries, source), out, { signal });
    else await pipeline(await tar(about, entries, source, signal), compressor(format), out, { signal });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return bytes;
}

/** Reads the files and records their checksums. */
class Source {
  readonly sums: Record<string, string> = {};
  readonly #directory: string;
  readonly #total: number;
  readonly #onProgress: PackOptions['onProgress'];
  #done = 0;

  constructor(directory: string, total: number, onProgress: PackOptions['onProgress']) {
    this.#directory = directory;
    this.#total = total;
    this.#onProgress = onProgress;
  }

  link(entry: ArchiveEntry & { kind: 'link' }): Buffer {
    this.sums[entry.path] = linkSum(entry.target);
    return Buffer.from(entry.target);
  }

  /** The content. Its checksum is known once it has been read to its end. */
  async file(entry: ArchiveEntry & { kind: 'file' }): Promise<Buffer | Readable> {
    const file = path.join(this.#directory, entry.path);
    const hash = createHash('sha256');
    const done = (length: number) => {
      this.#done += length;
      this.#onProgress?.({ done: this.#done, total: this.#total });
    };
    const finish = () => {
      this.sums[entry.path] = fileSum(hash.digest('hex'), entry.executable);
    };
    if (entry.size <= SMALL) {
      const content = await readFile(file);
      hash.update(content);
      finish();
      done(content.length);
      return content;
    }
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        hash.update(chunk);
        done(chunk.length);
        next(null, chunk);
      },
      flush(next) {
        finish();
        next();
      },
    });
    const stream = createReadStream(file, { highWaterMark: 1 << 18 });
    stream.on('error', error => tap.destroy(error));
    return stream.pipe(tap);
  }

  /** The last entry. */
  checksums(): Buffer {
    return Buffer.from(JSON.stringify(this.sums, null, 1));
  }
}

function compressor(format: 'tar.zst' | 'tar.gz') {
  if (format === 'tar.gz') return createGzip();
  // Single-threaded: with ZSTD_c_nbWorkers the stream ends too early (https://github.com/nodejs/node/issues/59899).
  return createZstdCompress();
}

async function tar(
  about: AboutArchive,
  entries: ArchiveEntry[],
  source: Source,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  const mtime = new Date(0);
  const put = (name: string, content: Buffer) =>
    new Promise<void>((resolve, reject) => {
      archive.entry({ name, mtime, mode: 0o644 }, content, error => (error ? reject(error) : resolve()));
    });
  const write = async () => {
    await put(ABOUT_FILE, Buffer.from(JSON.stringify(about, null, 2)));
    for (const entry of entries) {
      signal?.throwIfAborted();
      const header = { name: entry.path, mtime, mode: modeOf(entry) };
      if (entry.kind === 'directory') archive.entry({ ...header, type: 'directory' });
      else if (entry.kind === 'link') {
        source.link(entry);
        archive.entry({ ...header, type: 'symlink', linkname: entry.target });
      } else {
        const content = await source.file(entry);
        if (Buffer.isBuffer(content)) {
          const written = Promise.withResolvers<void>();
          archive.entry({ ...header, size: content.length }, content, error =>
            error ? written.reject(error) : written.resolve(),
          );
          await written.promise;
        } else {
          await pipeline(content, archive.entry({ ...header, size: entry.size }));
        }
      }
    }
    await put(CHECKSUMS_FILE, source.checksums());
    archive.finalize();
  };
  write().catch((error: Error) => archive.destroy(error));
  return archive as unknown as Readable;
}

async function zip(about: AboutArchive, entries: ArchiveEntry[], source: Source): Promise<Readable> {
  const { ZipFile } = await import('yazl');
  const archive = new ZipFile();
  const mtime = new Date(1980, 0, 1);
  archive.addBuffer(Buffer.from(JSON.stringify(about, null, 2)), ABOUT_FILE, { mtime, mode: 0o100644 });
  for (const entry of entries) {
    const options = { mtime, mode: modeOf(entry) };
    if (entry.kind === 'directory') archive.addEmptyDirectory(entry.path, options);
    else if (entry.kind === 'link') archive.addBuffer(source.link(entry), entry.path, options);
    else {
      archive.addReadStreamLazy(entry.path, options, next => {
        source.file(entry).then(
          content => next(null, Buffer.isBuffer(content) ? Readable.from([content]) : content),
          error => next(error, Readable.from([])),
        );
      });
    }
  }
  // Lazy: called once everything before it has been read.
  archive.addReadStreamLazy(CHECKSUMS_FILE, { mtime, mode: 0o100644 }, next =>
    next(null, Readable.from([source.checksums()])),
  );
  const stream = archive.outputStream as Readable;
  archive.on('error', (error: Error) => stream.destroy(error));
  archive.end();
  return stream;
}

function modeOf(entry: ArchiveEntry): number {
  if (entry.kind === 'directory') return 0o40755;
  if (entry.kind === 'link') return 0o120777;
  return entry.executable ? 0o100755 : 0o100644;
}
