// Where a path really leads, and what is there.
import { realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';

/** The path without links; only without `..` when it does not exist. */
export function real(file: string): string {
  try {
    // The other one takes each `..` away before it looks at links.
    return realpathSync.native(file);
  } catch {
    return path.resolve(file);
  }
}

/** What a path leads to; undefined when it leads nowhere, around in a circle, or where this process may not look. */
export function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
