// Microsoft's UF2: a firmware file for bootloaders that appear as a USB drive. Every block contains its own address.
//
//   0  magic 0x0A324655, magic 0x9E5D5157    16  payload size, 256
//   8  flags: family given                   20  sequence number, number of blocks
//  12  address in flash                      28  family
//                                            32  payload, …, 508  magic 0x0AB16F30
import type { Segment } from './elf.ts';

const BLOCK = 512;
const PAYLOAD = 256;
const FAMILY_GIVEN = 0x2000;

/** nRF52840 with the Adafruit bootloader. */
export const NRF52840_FAMILY = 0xada52840;

/** Packs segments into blocks. Gaps between them within a block of flash are filled with zeros. */
export function uf2(segments: Segment[], family: number): Buffer {
  const pages = new Map<number, Buffer>();
  for (const { address, bytes } of segments) {
    for (let done = 0; done < bytes.length; ) {
      const target = address + done;
      const page = target - (target % PAYLOAD);
      const contents = pages.get(page) ?? Buffer.alloc(PAYLOAD);
      pages.set(page, contents);
      done += bytes.copy(contents, target - page, done);
    }
  }
  const sorted = [...pages].sort(([one], [other]) => one - other);
  return Buffer.concat(
    sorted.map(([address, contents], number) => block(address, contents, number, sorted.length, family)),
  );
}

function block(address: number, contents: Buffer, number: number, count: number, family: number): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const header = [0x0a324655, 0x9e5d5157, FAMILY_GIVEN, address, PAYLOAD, number, count, family];
  for (const [index, word] of header.entries()) bytes.writeUInt32LE(word, index * 4);
  contents.copy(bytes, header.length * 4);
  bytes.writeUInt32LE(0x0ab16f30, BLOCK - 4);
  return bytes;
}
