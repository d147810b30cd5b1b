// Formats of an archive.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { WorkspaceError } from '../workspace-error.ts';

export type ArchiveFormat = 'tar.zst' | 'tar.gz' | 'zip';

/** The format of a file name's extension. Throws {@link WorkspaceError} for an unknown one. */
export function formatOfName(file: string): ArchiveFormat {
  const name = path.basename(file).toLowerCase();
  if (name.endsWith('.tar.zst') || name.endsWith('.tzst')) return 'tar.zst';
  if (name.endsWith('.tar.gz') || name.endsWith('.tgz')) return 'tar.gz';
  if (name.endsWith('.zip')) return 'zip';
  throw new WorkspaceError(
    `${file} does not have the name of an archive. End it with .tar.zst, .tar.gz or .zip.`,
  );
}

/**
 * The format of a file by its first bytes. Rejects with {@link WorkspaceError} if it is not an archive or does not
 * exist.
 */
export async function formatOfFile(file: string): Promise<ArchiveFormat> {
  const bytes = Buffer.alloc(4);
  try {
    const handle = await open(file);
    await handle.read(bytes, 0, 4, 0).finally(() => handle.close());
  } catch (error) {
    throw new WorkspaceError(`The archive ${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (bytes.equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))) return 'tar.zst';
  if (bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return 'tar.gz';
  if (bytes.equals(Buffer.from('PK\x03\x04', 'latin1'))) return 'zip';
  throw new WorkspaceError(`${file} is not a tar.zst, tar.gz or zip archive.`);
}
