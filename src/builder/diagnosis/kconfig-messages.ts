// Rules for Kconfig's errors about the settings of a `.conf` file.
import { known, placeAt, type Rule } from './diagnosis.ts';

/** Valid values of a setting, by Kconfig's name for its type. */
const VALUES: Readonly<Record<string, string>> = {
  bool: 'y or n',
  tristate: 'y, m or n',
  int: 'a whole number',
  hex: 'a number such as 0x1F',
  string: 'text in double quotes',
};

export const KCONFIG_RULES: readonly Rule[] = [
  {
    // Kconfig treats blanks around the `=` as parts of the name and value, and prints them where they cannot be
    // seen.
    pattern: /^(.+?):(\d+): warning: attempt to assign the value '[^']*' to the undefined symbol (\w+)/,
    find: ([, file, line, setting = ''], _at, lines) => {
      if (!lines.some(other => /Aborting due to Kconfig warnings/.test(other))) return undefined;
      return assignment(`There is no setting CONFIG_${setting}.`, file, line, { setting, isKnown: false });
    },
  },
  {
    pattern: /^(.+?):(\d+): warning: '(.*)' is not a valid value for the (\w+) symbol (\w+)/,
    find: ([, file, line, value, type = '', setting = '']) => {
      const takes = Object.hasOwn(VALUES, type) ? ` Its value is ${VALUES[type]}.` : '';
      const message = `CONFIG_${setting} cannot be '${value}'.${takes}`;
      return assignment(message, file, line, { setting, isKnown: true });
    },
  },
  {
    pattern: /^(.+?):(\d+): warning: malformed string literal in assignment to (\w+)/,
    find: ([, file, line, setting = '']) => {
      const message = `The value of CONFIG_${setting} is ${VALUES.string}.`;
      return assignment(message, file, line, { setting, isKnown: true });
    },
  },
  {
    pattern: /^(.+?):(\d+): warning: ignoring malformed line '(.*)'/,
    find: ([, file, line]) =>
      known('A setting is written as CONFIG_NAME=value.', placeAt(file, line, undefined)),
  },
  {
    // Any other objection. The fatal one comes last, far above the last lines.
    pattern: /^error: Aborting due to Kconfig warnings/,
    find: (_match, until, lines) => {
      const warnings = lines
        .slice(0, until)
        .map(line => /^(?:(.+?):(\d+): )?warning: (.+)$/.exec(line))
        .filter(match => match !== null);
      const [, file, line, said = ''] = warnings.at(-1) ?? [];
      if (said === '') return undefined;
      const place = file === undefined ? {} : placeAt(file, line, undefined);
      return { message: `Kconfig: ${said}`, certain: false, ...place };
    },
  },
];

function assignment(
  message: string,
  file: string | undefined,
  line: string | undefined,
  about: { setting: string; isKnown: boolean },
) {
  return known(message, { ...placeAt(file, line, undefined), search: { kind: 'setting', ...about } });
}
