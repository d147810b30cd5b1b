// UF2 reader: checks that a file is firmware that a boot loader takes, and finds the controllers that it is for.

/** Bytes of a block, which holds its own address. */
export const BLOCK = 512;

const MAGIC = 0x0a324655;
const SECOND_MAGIC = 0x9e5d5157;
const LAST_MAGIC = 0x0ab16f30;
const HAS_FAMILY = 0x2000;

/**
 * The families of a UF2 file, each with the end of its last block in bytes. A boot loader skips the blocks of other
 * families and restarts after its own last one. Undefined for anything but a whole UF2 file that names its families.
 */
export function familiesIn(file: Buffer): Map<number, number> | undefined {
  if (file.length === 0 || file.length % BLOCK !== 0) return undefined;
  const families = new Map<number, number>();
  for (let at = 0; at < file.length; at += BLOCK) {
    const family = familyOfBlock(file.subarray(at, at + BLOCK));
    if (family === undefined) return undefined;
    families.set(family, at + BLOCK);
  }
  return families;
}

/** The family of a UF2 block; undefined if it is not one, or names no family. */
export function familyOfBlock(block: Buffer): number | undefined {
  if (block.length < BLOCK) return undefined;
  const isBlock =
    block.readUInt32LE(0) === MAGIC &&
    block.readUInt32LE(4) === SECOND_MAGIC &&
    block.readUInt32LE(BLOCK - 4) === LAST_MAGIC;
  return isBlock && (block.readUInt32LE(8) & HAS_FAMILY) !== 0 ? block.readUInt32LE(28) : undefined;
}
