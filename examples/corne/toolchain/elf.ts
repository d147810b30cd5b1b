// ELF reader: extracts the contents for flash.

export interface Segment {
  /** Address in flash. */
  address: number;
  bytes: Buffer;
}

const PT_LOAD = 1;

/** The segments of a 32-bit little-endian ELF that have contents, by address. */
export function loadableSegments(elf: Buffer): Segment[] {
  const headers = elf.readUInt32LE(28);
  const size = elf.readUInt16LE(42);
  const count = elf.readUInt16LE(44);
  const segments: Segment[] = [];
  for (let header = headers; header < headers + size * count; header += size) {
    const offset = elf.readUInt32LE(header + 4);
    const length = elf.readUInt32LE(header + 16);
    if (elf.readUInt32LE(header) !== PT_LOAD || length === 0) continue;
    segments.push({ address: elf.readUInt32LE(header + 12), bytes: elf.subarray(offset, offset + length) });
  }
  return segments.sort((one, other) => one.address - other.address);
}
