// Unpacking of a workspace from an archive.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { WorkspaceError } from '../workspace-error.ts';
import { ArchiveExtractor, damaged } from './archive-extractor.ts';
import { type AboutArchive, type ArchiveEntry, type ArchiveProgress, MAX_LIST } from './entry.ts';
import { type ArchiveFormat, formatOfFile } from './format.ts';
import { keepHarmlessGitConfig } from './git-config.ts';

export interface UnpackOptions {
  signal?: AbortSignal;
  onProgress?: (progress: ArchiveProgress) => void;
}

/**
 * Unpacks an archive into `directory` (absolute, empty, private to the caller), whatever its name. Resolves when
 * everything is written, matches its checksum, and git would run nothing by itself in it. Rejects with {@link
 * WorkspaceError} for an archive that is damaged or would write elsewhere; the caller must then remove the directory.
 */
export async function unpackWorkspace(
  file: string,
  directory: string,
  { signal, onProgress }: UnpackOptions = {},
): Promise<AboutArchive> {
  const format = await formatOfFile(file);
  const extractor = new ArchiveExtractor(directory, onProgress);
  try {
    if (format === 'zip') await unzip(file, extractor, signal);
    else await untar(file, format, extractor, signal);
  } catch (error) {
    signal?.throwIfAborted();
    // The file system's errors name a path; those of a decoder or parser only name what they did not understand.
    const isOwn = error instanceof WorkspaceError || (error as NodeJS.ErrnoException).syscall !== undefined;
    throw isOwn ? error : damaged((error as Error).message, error);
  }
  const about = extractor.finish();
  await keepHarmlessGitConfig(directory, extractor.gitFiles);
  return about;
}

async function untar(
  file: string,
  format: Exclude<ArchiveFormat, 'zip'>,
  extractor: ArchiveExtractor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { extract } = await import('tar-stream');
  const archive = extract();
  const read = pipeline(
    createReadStream(file),
    format === 'tar.gz' ? createGunzip() : createZstdDecompress(),
    archive as unknown as NodeJS.WritableStream,
    { signal },
  );
  const land = async () => {
    for await (const entry of archive) {
      const { name, type, size = 0, mode = 0o644, linkname } = entry.header;
      const path = name.replace(/\/+$/, '');
      const kinds: Record<string, () => ArchiveEntry> = {
        file: () => ({ kind: 'file', path, size, executable: (mode & 0o100) !== 0 }),
        directory: () => ({ kind: 'directory', path }),
        symlink: () => ({ kind: 'link', path, target: linkname ?? '' }),
      };
      const make = kinds[type ?? 'file'];
      if (!make) throw new WorkspaceError(`The archive has ${path}, which is a ${type}. It is not unpacked.`);
      await extractor.put(make(), entry as unknown as Readable);
      entry.resume();
    }
  };
  const extracted = land().catch((error: Error) => {
    archive.destroy(error);
    throw error;
  });
  const [result, reading] = await Promise.allSettled([extracted, read]);
  // A failed extraction also ends the reading. Report that, unless reading failed by itself.
  if (reading.status === 'rejected' && !isOurs(result)) throw reading.reason;
  if (result.status === 'rejected') throw result.reason;
}

function isOurs(result: PromiseSettledResult<void>): boolean {
  return result.status === 'rejected' && result.reason instanceof WorkspaceError;
}

async function unzip(
  file: string,
  extractor: ArchiveExtractor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { openPromise } = await import('yauzl');
  const archive = await openPromise(file, { lazyEntries: true, autoClose: false, strictFileNames: true });
  try {
    for await (const entry of archive.eachEntry()) {
      signal?.throwIfAborted();
      const mode = entry.externalFileAttributes >>> 16;
      const path = entry.fileName.replace(/\/+$/, '');
      if (entry.fileName.endsWith('/')) {
        await extractor.put({ kind: 'directory', path }, Readable.from([]));
        continue;
      }
      const content = await archive.openReadStreamPromise(entry);
      const type = mode & 0o170000;
      if (type === 0o120000) {
        await extractor.put({ kind: 'link', path, target: await text(content) }, Readable.from([]));
      } else if (type === 0o100000 || type === 0) {
        const size = entry.uncompressedSize;
        await extractor.put({ kind: 'file', path, size, executable: (mode & 0o100) !== 0 }, content);
      } else {
        throw new WorkspaceError(
          `The archive has ${path}, which is not a file, directory or link. It is not unpacked.`,
        );
      }
    }
  } finally {
    archive.close();
  }
}

async function text(content: Readable): Promise<string> {
  let whole = '';
  for await (const chunk of content) {
    whole += (chunk as Buffer).toString();
    if (whole.length > MAX_LIST) throw damaged('a link is too long');
  }
  return whole;
}
