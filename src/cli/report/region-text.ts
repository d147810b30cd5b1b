// Use of a memory region as text for tables.
import type { RegionUse } from '../../builder/output/memory-use.ts';
import { formatBytes } from '../terminal/bytes.ts';
import { percentOf } from '../terminal/memory.ts';

/** `203 KiB (25.6 %)`; empty if nothing is known. */
export function regionText(use: RegionUse | undefined): string {
  return use === undefined ? '' : `${formatBytes(use.used)} (${percentOf(use).toFixed(1)} %)`;
}
