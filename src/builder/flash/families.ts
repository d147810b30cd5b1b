// UF2 families: the numbers that say which controller a firmware is for, and the boot loaders that take them.

/** The families of boot loaders, by the beginning of their Board-ID. The first match counts. */
const BOARDS: readonly (readonly [boardId: RegExp, families: readonly number[]])[] = [
  [/^nRF52840/i, [0xada52840]],
  [/^nRF52833/i, [0x621e937a]],
  [/^RPI-RP2$/i, [0xe48bff56]],
  [/^RP2350/i, [0xe48bff59]],
  [/^SAMD21/i, [0x68ed2b88]],
  [/^SAMD51/i, [0x55114460]],
  [/^SAML21/i, [0x1851780a]],
  [/^STM32F0/i, [0x647824b6]],
  [/^STM32F1/i, [0x5ee21072]],
  [/^STM32F3/i, [0x6b846188]],
  // These have a number for all, and numbers for some of them.
  [/^STM32F4/i, [0x57755a57, 0x2dc309c5, 0x6d0922fa, 0x8fb060fe]],
  [/^STM32L4/i, [0x00ff6919]],
  [/^STM32WB/i, [0x70d16653]],
  [/^ESP32S2/i, [0xbfdd4eee]],
  [/^ESP32S3/i, [0xc47e5767]],
  [/^ESP32C3/i, [0xd42ba06c]],
];

const NORDIC = [0xada52840, 0x621e937a];

const NAMES = new Map([
  [0xada52840, 'nRF52840'],
  [0x621e937a, 'nRF52833'],
  [0xe48bff56, 'RP2040'],
  [0xe48bff59, 'RP2350'],
  [0x68ed2b88, 'SAMD21'],
  [0x55114460, 'SAMD51'],
  [0x1851780a, 'SAML21'],
]);

/**
 * The families that a boot loader takes, from its INFO_UF2.TXT.
 *
 * @param info its fields
 */
export function familiesOf(info: ReadonlyMap<string, string>): readonly number[] {
  const boardId = info.get('Board-ID') ?? '';
  const known = BOARDS.find(([pattern]) => pattern.test(boardId))?.[1];
  // Only Nordic's controllers have a SoftDevice.
  return known ?? (info.has('SoftDevice') ? NORDIC : []);
}

/** The controller of a family, or its number: `nRF52840`, `0x1234abcd`. */
export function familyName(family: number): string {
  return NAMES.get(family) ?? `0x${family.toString(16).padStart(8, '0')}`;
}
