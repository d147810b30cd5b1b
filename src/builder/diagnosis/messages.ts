// Rules for the errors of a Zephyr build's programs, with explanations for the owner of a ZMK config.
import { DEVICETREE_RULES, SOURCE_RULES } from './devicetree-messages.ts';
import { known, type PartialDiagnosis, placeAt, type Rule } from './diagnosis.ts';
import { HARDWARE_RULES } from './hardware-messages.ts';
import { KCONFIG_RULES } from './kconfig-messages.ts';

/** In order of precedence: an earlier rule explains the errors of later ones, in whatever order they were printed. */
const RULES: readonly Rule[] = [
  ...HARDWARE_RULES,
  ...DEVICETREE_RULES,
  ...KCONFIG_RULES,
  ...SOURCE_RULES,
  {
    pattern: /region [`']?(\w+)'? overflowed by (\d+) bytes/,
    find: ([, region, bytes]) =>
      known(
        `The firmware is ${bytes} bytes too large for the board's ${region}. Leave out features in the .conf file.`,
      ),
  },
];

/** The first rule that matches these lines; undefined if none does. */
export function findKnown(lines: readonly string[]): PartialDiagnosis | undefined {
  for (const { pattern, find } of RULES) {
    for (const [index, line] of lines.entries()) {
      const match = pattern.exec(line);
      const finding = match && find(match, index, lines);
      if (finding) return finding;
    }
  }
  return undefined;
}

// `file:line: message` and `file:line:column: message`; the drive letter of a Windows path is part of the file.
const PLACED = /^\s*((?:[A-Za-z]:)?[^\s:][^:]*):(\d+)(?::(\d+))?:((?:\s+\S|[^\s\d]).*)$/;
const ERROR = /^\s*(?:fatal |parse |syntax )?error\b/i;
const HARMLESS = /^\s*(?:warning|note|remark|info)\b/i;

/** The first line that names a file, a line and an error; else the first that names a place and is not a warning. */
export function findPlaced(lines: readonly string[]): PartialDiagnosis | undefined {
  const placed = lines
    .map(line => PLACED.exec(line))
    .filter(match => match !== null && !HARMLESS.test(match[4]!));
  const [, file, line, column, said = ''] = placed.find(match => ERROR.test(match![4]!)) ?? placed[0] ?? [];
  return file === undefined
    ? undefined
    : { message: said.trim(), certain: false, ...placeAt(file, line, column) };
}
