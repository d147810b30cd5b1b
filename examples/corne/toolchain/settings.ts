// Firmware settings from a keyboard's .conf file.
import { createHash } from 'node:crypto';
import { BuildError } from './errors.ts';

export interface Settings {
  name: string;
  /** Milliseconds. */
  debouncePress: number;
  /** Milliseconds. */
  debounceRelease: number;
  transmitPower: number;
}

/**
 * Reads Kconfig assignments. Options for hardware that this firmware does not support, such as displays, are ignored.
 * Invalid lines and values are a `BuildError` with file and line.
 */
export function readSettings(file: string, source: string): Settings {
  const settings: Settings = { name: 'Corne', debouncePress: 5, debounceRelease: 5, transmitPower: 0 };
  for (const [index, text] of source.split(/\r?\n/).entries()) {
    const place = { file, line: index + 1 };
    const line = text.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, option, value] = /^(CONFIG_\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (option === undefined || value === undefined) {
      throw new BuildError(`'${line}' is not a setting. Write it as CONFIG_NAME=value.`, place);
    }
    switch (option) {
      case 'CONFIG_ZMK_KEYBOARD_NAME':
        settings.name = keyboardName(value, place);
        break;
      case 'CONFIG_ZMK_KSCAN_DEBOUNCE_PRESS_MS':
        settings.debouncePress = milliseconds(option, value, place);
        break;
      case 'CONFIG_ZMK_KSCAN_DEBOUNCE_RELEASE_MS':
        settings.debounceRelease = milliseconds(option, value, place);
        break;
      case 'CONFIG_BT_CTLR_TX_PWR_PLUS_8':
        settings.transmitPower = value === 'y' ? 8 : 0;
        break;
    }
  }
  return settings;
}

/** The text of `config.h`. */
export function settingsHeader(settings: Settings): string {
  // Keyboards with different names must not hear each other. Any four bytes will do, unless all are the same.
  const address = createHash('sha256').update(settings.name).digest().readUInt32LE();
  const name = [...Buffer.from(settings.name, 'utf16le')];
  return `// Generated from the keyboard's .conf file.
#pragma once

#define DEBOUNCE_PRESS_MS ${settings.debouncePress}
#define DEBOUNCE_RELEASE_MS ${settings.debounceRelease}
#define RADIO_TX_POWER_DBM ${settings.transmitPower}
#define LINK_ADDRESS 0x${address.toString(16).padStart(8, '0')}u
#define PRODUCT_NAME_DESCRIPTOR ${[name.length + 2, 3, ...name].join(', ')}
`;
}

function keyboardName(value: string, place: { file: string; line: number }): string {
  const name = /^"(.{1,16})"$/u.exec(value)?.[1];
  if (name) return name;
  throw new BuildError(
    `the keyboard's name is ${value}. Write it in quotes, with 1 to 16 characters.`,
    place,
  );
}

function milliseconds(option: string, value: string, place: { file: string; line: number }): number {
  if (/^\d+$/.test(value) && Number(value) <= 255) return Number(value);
  throw new BuildError(
    `${option} is ${value}. It must be a whole number of milliseconds from 0 to 255.`,
    place,
  );
}
