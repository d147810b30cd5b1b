// Memory use of a firmware in words.
import type { MemoryUse, RegionUse } from '../../builder/output/memory-use.ts';

/** `flash 26 %, RAM 22 %`; empty if nothing is known. */
export function memoryWords(memory: MemoryUse | undefined): string {
  return [
    ...(memory?.flash ? [`flash ${Math.round(percentOf(memory.flash))} %`] : []),
    ...(memory?.ram ? [`RAM ${Math.round(percentOf(memory.ram))} %`] : []),
  ].join(', ');
}

/** The used part of a region, in percent. */
export function percentOf({ used, size }: RegionUse): number {
  return (used / size) * 100;
}
