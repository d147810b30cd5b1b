// Disk usage of a directory.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** Bytes of all files below a directory. A file with several names counts once. Links are not followed. */
export async function diskUsage(directory: string): Promise<number> {
  const seen = new Set<number>();
  let total = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { ino, nlink, size } = await lstat(path.join(entry.parentPath, entry.name));
    if (nlink > 1 && seen.has(ino)) continue;
    if (nlink > 1) seen.add(ino);
    total += size;
  }
  return total;
}
