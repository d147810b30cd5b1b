// Flashing: copies the firmware of each part of a keyboard to its boot loader's drive, one after the other.
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GloveboxError } from '../../errors.ts';
import { remedyOf } from '../../system/system-error.ts';
import { findDrives, readDrive, type Uf2Drive } from './drives.ts';
import { familyName } from './families.ts';
import { BLOCK, familiesIn } from './uf2.ts';

/** Firmware cannot be brought to a keyboard: the file is not for it, or its boot loader did not take it. */
export class FlashError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_FLASH', message, options);
  }
}

/** Firmware of one part of a keyboard. */
export interface FlashPart {
  /** The artifact name. */
  target: string;
  /** Words for a sentence, such as `the left half`. */
  part: string;
  /** Absolute path of the UF2 file. */
  file: string;
}

interface OfPart {
  /** Time of the event, in milliseconds since the epoch. */
  at: number;
  target: string;
  part: string;
}

export type FlashEvent =
  /** The part has to be put into its boot loader. */
  | (OfPart & { type: 'flash-waiting' })
  /** A UF2 drive that is not written to; `why` says why, as a sentence. Another one is waited for. */
  | (OfPart & { type: 'flash-refused'; drive: string; boardId: string; why: string })
  | (OfPart & { type: 'flash-copying'; drive: string; boardId: string; model?: string; bytes: number })
  /** The boot loader has taken the firmware, and its drive is gone. */
  | (OfPart & { type: 'flash-finished'; boardId: string; duration: number });

export interface FlashOptions {
  /** The only directory that counts as a drive, absolute. Default: every drive of the system */
  drive?: string | undefined;
  signal?: AbortSignal | undefined;
  onEvent: (event: FlashEvent) => void;
  /** Interval of the search for drives, in milliseconds. Default: 300 */
  interval?: number;
  /** Milliseconds that a boot loader may take to accept a file that was written. Default: 30,000 */
  timeout?: number;
}

/** Bytes that are written before the drive must confirm them. */
const CHUNK = 64 * BLOCK;

/**
 * Flashes the parts one after the other: waits for a UF2 drive, copies, and waits until the boot loader has restarted.
 * Writes only to a drive that is a UF2 boot loader's and takes the file's family. Rejects with {@link FlashError}, and
 * with the signal's reason if it aborts.
 */
export async function flash(parts: readonly FlashPart[], options: FlashOptions): Promise<void> {
  // Before any button has to be pressed.
  const files = await Promise.all(parts.map(readFirmware));
  for (const [index, part] of parts.entries()) await new Flash(part, files[index]!, options).run();
}

interface Firmware {
  bytes: Buffer;
  /** Ends of the last blocks, by family. */
  families: ReadonlyMap<number, number>;
}

async function readFirmware({ target, file }: FlashPart): Promise<Firmware> {
  const bytes = await readFile(file);
  const families = familiesIn(bytes);
  if (families === undefined) {
    throw new FlashError(
      `${file} is not a UF2 file that names its family of controllers, so ${target} is not flashed. Build it again.`,
    );
  }
  return { bytes, families };
}

class Flash {
  readonly #part: FlashPart;
  readonly #firmware: Firmware;
  readonly #options: FlashOptions;
  /** The drives that were refused, so that each is reported once. */
  #refused = new Set<string>();

  constructor(part: FlashPart, firmware: Firmware, options: FlashOptions) {
    this.#part = part;
    this.#firmware = firmware;
    this.#options = options;
  }

  async run(): Promise<void> {
    this.#emit({ type: 'flash-waiting' });
    const drive = await this.#nextDrive();
    const { directory, boardId, model } = drive;
    const began = performance.now();
    const { length: bytes } = this.#firmware.bytes;
    this.#emit({ type: 'flash-copying', drive: directory, boardId, ...(model && { model }), bytes });
    await this.#copy(drive);
    this.#emit({ type: 'flash-finished', boardId, duration: performance.now() - began });
  }

  /** The drive to write to, once there is exactly one that fits. */
  async #nextDrive(): Promise<Uf2Drive> {
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const drives = await this.#drives();
      const refused = new Set<string>();
      const fitting: Uf2Drive[] = [];
      for (const drive of drives) {
        const why = this.#mismatch(drive);
        if (why === undefined) fitting.push(drive);
        else this.#refuse(drive, why, refused);
      }
      if (fitting.length === 1) return fitting[0]!;
      for (const drive of fitting) {
        const why = `${fitting.length} boot loaders are connected, and it is unknown which is ${this.#part.part}. Disconnect the others.`;
        this.#refuse(drive, why, refused);
      }
      this.#refused = refused;
      await this.#sleep();
    }
  }

  async #drives(): Promise<Uf2Drive[]> {
    const { drive } = this.#options;
    if (drive === undefined) return findDrives();
    const found = await readDrive(drive);
    return found === undefined ? [] : [found];
  }

  #mismatch({ boardId, directory, families }: Uf2Drive): string | undefined {
    const own = [...this.#firmware.families.keys()];
    if (own.some(family => families.has(family))) return undefined;
    const wanted = own.map(familyName).join(' or ');
    return families.size === 0
      ? `It is unknown which controller ${boardId} has, and the firmware is for ${wanted}. If that is right, copy ${this.#part.file} to ${directory} yourself.`
      : `It takes firmware for ${[...families].map(familyName).join(' or ')}, and ${this.#part.target} is for ${wanted}.`;
  }

  #refuse({ directory, boardId }: Uf2Drive, why: string, refused: Set<string>): void {
    const key = `${directory}\n${boardId}\n${why}`;
    refused.add(key);
    if (!this.#refused.has(key)) this.#emit({ type: 'flash-refused', drive: directory, boardId, why });
  }

  async #copy(drive: Uf2Drive): Promise<void> {
    const { bytes, families } = this.#firmware;
    // After this many bytes the boot loader has all that it needs.
    const needed = Math.max(...[...families].flatMap(([id, end]) => (drive.families.has(id) ? [end] : [])));
    let confirmed = 0;
    try {
      const file = await createOn(drive, path.basename(this.#part.file));
      try {
        while (confirmed < bytes.length) {
          this.#options.signal?.throwIfAborted();
          const chunk = bytes.subarray(confirmed, confirmed + CHUNK);
          await file.writev([chunk]);
          await file.datasync();
          confirmed += chunk.length;
        }
      } finally {
        await closeQuietly(file);
      }
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      // A boot loader restarts when it has the last block, before the system has finished with the file.
      const isTaken = confirmed + CHUNK >= needed && (await this.#isGone(drive, 5_000));
      if (isTaken) return;
      throw this.#copyError(drive, error, confirmed);
    }
    if (await this.#isGone(drive, this.#options.timeout ?? 30_000)) return;
    throw new FlashError(
      `${drive.boardId} has not taken the firmware: its drive ${drive.directory} is still there. ` +
        'Disconnect the keyboard, and start again.',
    );
  }

  #copyError({ directory, boardId }: Uf2Drive, error: unknown, confirmed: number): FlashError {
    const what = confirmed === 0 ? '' : ` after ${confirmed} of ${this.#firmware.bytes.length} bytes`;
    return new FlashError(
      `Cannot write to ${directory} (${boardId})${what}: ${(error as Error).message}. ${remedyOf(error, directory)}, and start again.`,
      { cause: error },
    );
  }

  async #isGone(drive: Uf2Drive, timeout: number): Promise<boolean> {
    const until = performance.now() + timeout;
    for (;;) {
      const now = await readDrive(drive.directory);
      if (now?.boardId !== drive.boardId) return true;
      if (performance.now() >= until) return false;
      await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    const { signal, interval = 300 } = this.#options;
    await sleep(interval, undefined, signal && { signal });
  }

  #emit(event: FlashEventBody): void {
    const { target, part } = this.#part;
    this.#options.onEvent({ ...event, at: Date.now(), target, part } as FlashEvent);
  }
}

type FlashEventBody = FlashEvent extends infer Event
  ? Event extends FlashEvent
    ? Omit<Event, keyof OfPart>
    : never
  : never;

/** Creates a file on a drive that still is a boot loader's. A link there is replaced, and never followed. */
async function createOn({ directory, boardId }: Uf2Drive, name: string): Promise<FileHandle> {
  const now = await readDrive(directory);
  if (now?.boardId !== boardId) throw new Error('the boot loader is gone');
  const file = path.join(directory, name);
  await rm(file, { force: true });
  return open(file, 'wx');
}

/** Closes a file whose drive may be gone. */
async function closeQuietly(file: FileHandle): Promise<void> {
  await file.close().catch(() => {});
}
