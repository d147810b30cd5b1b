// UF2 drives: keyboards in their boot loader, which appear as removable drives with an INFO_UF2.TXT.
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readTextFile } from '../../system/text-file.ts';
import { familiesOf } from './families.ts';
import { BLOCK, familyOfBlock } from './uf2.ts';

export interface Uf2Drive {
  /** Absolute path of its root. */
  directory: string;
  boardId: string;
  /** Name of the board, if the boot loader tells it. */
  model?: string;
  /** The families that it takes; empty if nothing is known. */
  families: ReadonlySet<number>;
}

const INFO_FILE = 'INFO_UF2.TXT';
const MAX_INFO = 16 * 1024;

/** The places where the system mounts removable drives, in words. */
export function drivePlaces(platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return 'all drive letters';
  return platform === 'darwin' ? '/Volumes' : '/media and /run/media';
}

/**
 * The UF2 drives that are there now. Any other drive is left alone.
 *
 * @param root the directory above `/media`, `/run/media` or `/Volumes`. Default: the file system's root
 */
export async function findDrives(platform = process.platform, root = '/'): Promise<Uf2Drive[]> {
  const drives = await Promise.all((await mountPoints(platform, root)).map(readDrive));
  return drives.filter(drive => drive !== undefined);
}

async function mountPoints(platform: NodeJS.Platform, root: string): Promise<string[]> {
  // A and B are floppy drives, which would start.
  if (platform === 'win32') return [...'CDEFGHIJKLMNOPQRSTUVWXYZ'].map(letter => `${letter}:\\`);
  if (platform === 'darwin') return directoriesIn(path.join(root, 'Volumes'));
  const places = await Promise.all(['media', 'run/media'].map(name => directoriesIn(path.join(root, name))));
  // Below a directory per user, or directly.
  const above = places.flat();
  return [...above, ...(await Promise.all(above.map(directoriesIn))).flat()];
}

async function directoriesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => path.join(directory, entry.name));
  } catch {
    return [];
  }
}

/** The UF2 drive at a directory; undefined if it is not one, or is gone. */
export async function readDrive(directory: string): Promise<Uf2Drive | undefined> {
  const text = await readTextFile(path.join(directory, INFO_FILE), MAX_INFO).catch(() => undefined);
  if (!text?.startsWith('UF2 Bootloader')) return undefined;
  const fields = [...text.matchAll(/^([\w-]+):[ \t]*(.*?)\s*$/gm)].map(
    ([, name, value]) => [name!, value!] as const,
  );
  const info = new Map(fields);
  const boardId = info.get('Board-ID');
  if (!boardId) return undefined;
  const model = info.get('Model');
  const current = await currentFamily(directory);
  const families = new Set([...familiesOf(info), ...(current === undefined ? [] : [current])]);
  return { directory, boardId, ...(model && { model }), families };
}

/** The family of the firmware that the keyboard has now, which its boot loader offers as a file. */
async function currentFamily(directory: string): Promise<number | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path.join(directory, 'CURRENT.UF2'), constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BLOCK), 0, BLOCK, 0);
    return familyOfBlock(buffer.subarray(0, bytesRead));
  } catch {
    return undefined;
  } finally {
    await file?.close().catch(() => {});
  }
}
