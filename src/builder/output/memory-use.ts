// Memory use of a firmware: the flash and RAM that it takes of its controller's, from the table that a linker prints.
import { isObject } from '../../cache/values/stored-json.ts';

/** Use of one region, in bytes. */
export interface RegionUse {
  used: number;
  size: number;
}

/** The regions that every keyboard has. One is absent if the linker reported nothing about it. */
export interface MemoryUse {
  flash?: RegionUse;
  ram?: RegionUse;
}

/** A row of the table: `FLASH:      208016 B       792 KB     25.65%`. */
const ROW = /^\s*(FLASH|RAM):\s+(\d+) ([KMG]?B)\s+(\d+) ([KMG]?B)\s+[\d.]+%/;
const UNITS: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** Collects the memory use from the lines of a compiler. */
export class MemoryTable {
  #use: MemoryUse | undefined;

  /** The use of the last table; undefined if there was none. */
  get use(): MemoryUse | undefined {
    return this.#use;
  }

  line(line: string): void {
    const [, region, used, unit, size, sizeUnit] = ROW.exec(line) ?? [];
    if (region === undefined) return;
    const use = { used: Number(used) * UNITS[unit!]!, size: Number(size) * UNITS[sizeUnit!]! };
    this.#use = { ...this.#use, [region === 'FLASH' ? 'flash' : 'ram']: use };
  }
}

/** A stored memory use, copied as it is checked; undefined if the value is not one. */
export function asMemoryUse(value: unknown): MemoryUse | undefined {
  if (!isObject(value)) return undefined;
  const flash = asRegion(value.flash);
  const ram = asRegion(value.ram);
  if (flash === undefined && ram === undefined) return undefined;
  return { ...(flash && { flash }), ...(ram && { ram }) };
}

function asRegion(value: unknown): RegionUse | undefined {
  if (!isObject(value)) return undefined;
  const { used, size } = value;
  return isBytes(used) && isBytes(size) && size > 0 ? { used, size } : undefined;
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
