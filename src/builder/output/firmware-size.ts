// Size of a target's firmware, and a warning when it is very different from that of the last build.
import { statSync } from 'node:fs';
import path from 'node:path';
import { isObject } from '../../cache/values/stored-json.ts';

/** The file that is copied to the keyboard. */
export interface FirmwareSize {
  /** Extension of the file, such as `.uf2`. Files of different kinds cannot be compared. */
  kind: string;
  bytes: number;
}

/** The kinds of files that are firmware, the preferred one first. */
const KINDS = ['.uf2', '.bin', '.hex'];

/** The size of the firmware among a target's files; undefined if none of them is firmware. */
export function firmwareSize(files: readonly string[]): FirmwareSize | undefined {
  for (const kind of KINDS) {
    const file = files.find(name => path.extname(name) === kind);
    const stats = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined) return { kind, bytes: stats.size };
  }
  return undefined;
}

/** A stored size; undefined if the value is not one. */
export function asFirmwareSize(value: unknown): FirmwareSize | undefined {
  if (!isObject(value)) return undefined;
  const { kind, bytes } = value;
  const isSize = typeof kind === 'string' && Number.isSafeInteger(bytes) && (bytes as number) >= 0;
  return isSize ? { kind, bytes: bytes as number } : undefined;
}

/**
 * A warning, one sentence, if the firmware shrank or grew by more than a third: a build that lost half of a keyboard
 * succeeds all the same.
 */
export function sizeWarning(before: FirmwareSize, now: FirmwareSize): string | undefined {
  if (before.kind !== now.kind || before.bytes === 0) return undefined;
  const change = now.bytes / before.bytes - 1;
  if (Math.abs(change) * 3 <= 1) return undefined;
  const [verb, size] = change < 0 ? ['shrank', 'smaller'] : ['grew', 'larger'];
  return (
    `The firmware ${verb} from ${before.bytes} to ${now.bytes} bytes since its last build, and is ${Math.round(Math.abs(change) * 100)} % ${size}. ` +
    'If you did not expect that, check shield, snippet and .conf before you flash it.'
  );
}
