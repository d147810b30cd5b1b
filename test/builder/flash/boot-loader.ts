// A keyboard in its boot loader, as a directory that stands in for its drive.
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { NRF52840_FAMILY, uf2 } from '../../../examples/corne/toolchain/uf2.ts';
import { eventually } from '../../support/eventually.ts';

export const NICE_NANO = `UF2 Bootloader 0.6.0 lib/nrfx (v2.0.0) lib/tinyusb (0.10.1)\r
Model: nice!nano\r
Board-ID: nRF52840-nicenano\r
SoftDevice: S140 version 6.1.1\r
Date: Jun 19 2021\r
`;

export const PICO = 'UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n';

/** Firmware of so many blocks. */
export function firmware(blocks: number, family: number = NRF52840_FAMILY, fill = 0x55): Buffer {
  return uf2([{ address: 0x26000, bytes: Buffer.alloc(blocks * 256, fill) }], family);
}

/** Puts the keyboard into its boot loader: its drive appears. */
export async function plugIn(directory: string, info = NICE_NANO): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'INFO_UF2.TXT'), info);
}

/** Restarts the keyboard: its drive is gone. */
export async function unplug(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

/** Resolves when a file with so many bytes is on the drive. */
export async function written(directory: string, name: string, bytes: number): Promise<void> {
  const size = () =>
    stat(path.join(directory, name)).then(
      stats => stats.size,
      () => -1,
    );
  await eventually(async () => (await size()) === bytes);
}
