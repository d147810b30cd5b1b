// Mistakes in the source of a keymap, looked for once the compiler has reported an error.
import { definedNames, withoutComments } from './source-lines.ts';

// All repetitions are bounded, so that no text takes long.
const LABELLED_NODE = /\b(\w{1,100})\s{0,100}:\s{0,100}\w[\w-]{0,100}\s{0,100}\{/.source;

/** The number of parameters of ZMK's own behaviors. */
const PARAMETERS: Readonly<Record<string, number>> = {
  ...{
    kp: 1,
    mt: 2,
    lt: 2,
    mo: 1,
    to: 1,
    tog: 1,
    sl: 1,
    sk: 1,
    kt: 1,
    mkp: 1,
    mmv: 1,
    msc: 1,
    out: 1,
    ext_power: 1,
  },
  ...{ trans: 0, none: 0, gresc: 0, caps_word: 0, key_repeat: 0, bootloader: 0, sys_reset: 0, soft_off: 0 },
  ...{ studio_unlock: 0, reset: 0 },
};

/** The names of ZMK's own behaviors. */
export const BEHAVIORS: readonly string[] = [...Object.keys(PARAMETERS), 'bt', 'bl', 'rgb_ug', 'inc_dec_kp'];

/** A mistake and its place in a source. Line and column are 1-based. */
export interface Mistake {
  line: number;
  column: number;
  message: string;
}

/** The first binding whose number of parameters differs from its behavior's. */
export function wrongBinding(lines: readonly string[]): Mistake | undefined {
  const text = withoutComments(lines).join('\n');
  const own = definedNames(lines);
  const counts = { ...PARAMETERS, ...ownBehaviors(text) };
  // Only in bindings: `&name { … }` modifies a node.
  const isBehavior = behaviorNodes(text);
  let end = -1;
  for (const statement of text.split(';')) {
    const from = end + 1;
    end = from + statement.length;
    const assigned = /\bbindings\s{0,100}=/.exec(statement);
    if (assigned === null || isBehavior(from + assigned.index)) continue;
    const start = from + assigned.index;
    for (const binding of statement.slice(assigned.index).matchAll(/&(\w+)([^&>]*)/g)) {
      const [, name = '', rest = ''] = binding;
      const takes = Object.hasOwn(counts, name) ? counts[name] : undefined;
      const given = parametersOf(rest);
      // A macro of the file may expand to any number of parameters.
      if (takes === undefined || given.length === takes || given.some(word => own.has(word))) continue;
      const before = text.slice(0, start + binding.index).split('\n');
      const written = `&${name} ${given.join(' ')}`.trim();
      const message = `'&${name}' takes ${count(takes)}, but has ${given.length === 0 ? 'none' : given.length} here: '${written}'.`;
      return { line: before.length, column: before.at(-1)!.length + 1, message };
    }
  }
  return undefined;
}

/** Labels of the nodes that a source defines. */
export function labels(lines: readonly string[]): string[] {
  const nodes = withoutComments(lines).join('\n').matchAll(new RegExp(LABELLED_NODE, 'g'));
  return Array.from(nodes, match => match[1]!);
}

/** Whether a position is in a node that defines a behavior: its bindings are named without parameters. */
function behaviorNodes(text: string): (position: number) => boolean {
  const nodes = [...text.matchAll(/[{}][^{}]*/g)].map(match => ({
    from: match.index,
    isBehavior: match[0].startsWith('{') && /zmk,behavior-|#binding-cells/.test(match[0]),
  }));
  return position => nodes.findLast(({ from }) => from <= position)?.isBehavior ?? false;
}

function count(parameters: number): string {
  return parameters === 0 ? 'no parameters' : parameters === 1 ? 'one parameter' : `${parameters} parameters`;
}

function parametersOf(text: string): string[] {
  const words: string[] = [];
  let depth = 0;
  for (const part of text.matchAll(/[()]|[^\s()]+|\s+/g)) {
    const [piece] = part;
    if (/^\s/.test(piece)) {
      if (depth === 0) words.push('');
      continue;
    }
    if (piece === '(') depth++;
    if (piece === ')') depth--;
    words.push((words.pop() ?? '') + piece);
  }
  return words.filter(word => word !== '');
}

/** Behaviors that the source itself defines, with their declared number of parameters. */
function ownBehaviors(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const match of text.matchAll(new RegExp(`${LABELLED_NODE}([^{}]*)`, 'g'))) {
    const cells = /#binding-cells\s{0,100}=\s{0,100}<\s{0,100}(\d)/.exec(match[2]!)?.[1];
    if (cells !== undefined) found[match[1]!] = Number(cells);
  }
  return found;
}
