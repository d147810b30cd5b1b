// What the programs of a Zephyr build print when something is wrong, and what that means for somebody with a ZMK config.
import { suggestion } from './suggest.ts';

/** What a message says: a sentence, or what is to be looked for in the source. */
export interface Finding {
  /** What is known without looking at any file. */
  message: string;
  certain: boolean;
  /** Where, as the compiler says it. */
  file?: string;
  line?: number;
  column?: number;
  /** What to look for in `file`, or in the keymap when there is none, to say it better. */
  look?:
    | 'unknown-name'
    | 'wrong-binding'
    | 'end'
    | { node: string }
    | { setting: string }
    | { include: string };
  /** A word of build.yaml that is the cause. */
  word?: string;
}

interface Rule {
  pattern: RegExp;
  find(match: RegExpExecArray, at: number, lines: readonly string[]): Finding | undefined;
}

const known = (message: string, more: Partial<Finding> = {}): Finding => ({
  message,
  certain: true,
  ...more,
});

const WRONG_COUNT =
  'A binding has too many or too few parameters, so that what follows it was taken for something else.';

/** What a setting can be, by Kconfig's name for its type. */
const VALUES: Readonly<Record<string, string>> = {
  bool: 'y or n',
  tristate: 'y, m or n',
  int: 'a whole number',
  hex: 'a number such as 0x1F',
  string: 'text in double quotes',
};

/** In order: what comes first explains what comes later, whatever was printed first. */
const RULES: readonly Rule[] = [
  {
    pattern: /^No board named '([^']+)' found/,
    find: ([, board = ''], at, lines) =>
      known(`There is no board '${board}'.${suggestion(board, namesBelow(lines, at))}`, { word: board }),
  },
  {
    pattern: /Board qualifiers `([^`]*)` for board/,
    find: ([, qualifiers = ''], at, lines) => {
      const board = /`([^`/]+)` not found/.exec(lines.slice(at, at + 3).join(' '))?.[1] ?? '';
      const whole = board + qualifiers;
      return known(
        `The board '${board}' has no variant '${qualifiers}'.${suggestion(whole, namesBelow(lines, at))}`,
        {
          word: whole,
        },
      );
    },
  },
  {
    pattern: /^No shield named '([^']+)' found/,
    find: ([, shield = ''], at, lines) =>
      known(`There is no shield '${shield}'.${suggestion(shield, namesBelow(lines, at))}`, { word: shield }),
  },
  {
    pattern: /devicetree error: (.+?):(\d+) \(column \d+\): parse error: (.+)$/,
    // The column is that of the preprocessed line, which nobody has written.
    find: ([, file, line, said = '']) => {
      const place = { file: file!, line: Number(line) };
      // The end of all sources, the keymap being the last of them.
      if (/[\\/]zephyr[\\/]misc[\\/]empty_file\.c$/.test(file!)) {
        const missing = /';'/.test(said) ? ';' : '};';
        return known(`The keymap ends too early: a '${missing}' is missing, here or further up.`, {
          look: 'end',
        });
      }
      const label = /undefined node label '([^']+)'/.exec(said)?.[1];
      if (label !== undefined) return known(noLabel(label), { ...place, look: { node: label } });
      if (/expected number or parenthesized expression/.test(said)) {
        return known('A key code or a number is expected here.', { ...place, look: 'unknown-name' });
      }
      if (/expected ';' or ','/.test(said)) return known("A ';' is missing before this.", place);
      return known(`This cannot be read: ${said}.`, place);
    },
  },
  {
    pattern: /devicetree error: (\/\S*): undefined node label '([^']+)'/,
    find: ([, node, label = '']) =>
      known(`${noLabel(label)} It is named in ${node}.`, { look: { node: label } }),
  },
  {
    pattern:
      /devicetree error: .*(?:lacks #binding-cells|bindings\b.*(?:phandle|assigned with)|phandle\b.*bindings)/,
    find: () => known(WRONG_COUNT, { look: 'wrong-binding' }),
  },
  {
    pattern: /'DT_N_S_keymap_S_(\w+?)_P_bindings_IDX_(\d+)_\w+' undeclared/,
    find: ([, layer, index]) =>
      known(`Key ${index} (counted from 0) of the layer '${layer}' has too many or too few parameters.`, {
        look: 'wrong-binding',
      }),
  },
  {
    pattern: /devicetree error: (.+)$/,
    find: ([, said = '']) => ({ message: `devicetree error: ${said}`, certain: false }),
  },
  {
    pattern: /^(.+?):(\d+): warning: attempt to assign the value '([^']*)' to the undefined symbol (\w+)/,
    find: ([, file, line, , symbol], _at, lines) =>
      lines.some(other => /Aborting due to Kconfig warnings/.test(other))
        ? known(`There is no setting CONFIG_${symbol}.`, {
            file: file!,
            line: Number(line),
            look: { setting: symbol! },
          })
        : undefined,
  },
  {
    pattern: /^(.+?):(\d+): warning: '(.*)' is not a valid value for the (\w+) symbol (\w+)/,
    find: ([, file, line, value, type = '', symbol]) => {
      const takes = Object.hasOwn(VALUES, type) ? ` Its value is ${VALUES[type]}.` : '';
      return known(`CONFIG_${symbol} cannot be '${value}'.${takes}`, { file: file!, line: Number(line) });
    },
  },
  {
    pattern: /^(.+?):(\d+): warning: malformed string literal in assignment to (\w+)/,
    find: ([, file, line, symbol]) =>
      known(`The value of CONFIG_${symbol} is ${VALUES.string}.`, { file: file!, line: Number(line) }),
  },
  {
    pattern: /^(.+?):(\d+): warning: ignoring malformed line '(.*)'/,
    find: ([, file, line]) =>
      known('A setting is written as CONFIG_NAME=value.', { file: file!, line: Number(line) }),
  },
  {
    // Whatever else it takes exception to. What is fatal comes last, and far above the last lines.
    pattern: /^error: Aborting due to Kconfig warnings/,
    find: (_match, until, lines) => {
      const warnings = lines
        .slice(0, until)
        .map(line => /^(?:(.+?):(\d+): )?warning: (.+)$/.exec(line))
        .filter(match => match !== null);
      const [, file, line, said = ''] = warnings.at(-1) ?? [];
      if (said === '') return undefined;
      const place = file === undefined ? {} : at(file, line, undefined);
      return { message: `Kconfig: ${said}`, certain: false, ...place };
    },
  },
  {
    pattern: /Failed to locate keymap file|Keymap node not found/,
    find: (_match, _at, lines) => {
      const used = lines
        .map(line => /Using keymap file: (.+)$/.exec(line)?.[1])
        .find(file => file !== undefined);
      return used === undefined
        ? known(
            "There is no keymap for this target: neither '<shield>.keymap' nor '<board>.keymap' is in config/.",
          )
        : known(`The keymap has no node with compatible = "zmk,keymap".`, { file: used, line: 1 });
    },
  },
  {
    pattern: /^(.+?):(\d+):(?:(\d+):)? (?:fatal )?error: ([^:\s]+): No such file or directory/,
    find: ([, file, line, column, included]) =>
      known(`The included file '${included}' is not there.`, {
        ...at(file, line, column),
        look: { include: included! },
      }),
  },
  {
    pattern: /^(.+?):(\d+):(?:(\d+):)? error: '(KC_\w+)' undeclared/,
    find: ([, file, line, column, name]) =>
      known(`'${name}' is no key code of ZMK.`, { ...at(file, line, column), look: 'unknown-name' }),
  },
  {
    pattern: /region [`']?(\w+)'? overflowed by (\d+) bytes/,
    find: ([, region, bytes]) =>
      known(
        `The firmware is ${bytes} bytes too large for the board's ${region}. Leave out features in the .conf file.`,
      ),
  },
];

/** The first of what is known that these lines say; undefined when nothing is. */
export function findKnown(lines: readonly string[]): Finding | undefined {
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

/** The first line that names a file, a line and an error; without one the first that names a place and is no warning. */
export function findPlaced(lines: readonly string[]): Finding | undefined {
  const placed = lines
    .map(line => PLACED.exec(line))
    .filter(match => match !== null && !HARMLESS.test(match[4]!));
  const [, file, line, column, said = ''] = placed.find(match => ERROR.test(match![4]!)) ?? placed[0] ?? [];
  return file === undefined ? undefined : { message: said.trim(), certain: false, ...at(file, line, column) };
}

function at(
  file: string | undefined,
  line: string | undefined,
  column: string | undefined,
): Partial<Finding> {
  return { file: file!, line: Number(line), ...(column !== undefined && { column: Number(column) }) };
}

function noLabel(label: string): string {
  return `There is no '&${label}'.`;
}

/** The names in the list that CMake prints below a line, by itself on each line and perhaps under headings. */
function namesBelow(lines: readonly string[], at: number): string[] {
  const names: string[] = [];
  for (const line of lines.slice(at + 1, at + 5_000)) {
    if (/^(?:CMake |Run 'west|-- )/.test(line)) break;
    const name = /^\s*([A-Za-z0-9][\w@./-]*)\s*$/.exec(line)?.[1];
    if (name !== undefined) names.push(name);
  }
  return names;
}
