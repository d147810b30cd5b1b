// Rules for devicetree errors: those of dtlib, which parses the sources, of edtlib, which checks nodes against
// bindings, and of the compiler, which finds the rest.
import path from 'node:path';
import { known, placeAt, type Rule } from './diagnosis.ts';

const WRONG_COUNT =
  'A binding has too many or too few parameters, so that what follows it was taken for something else.';

/** In order of precedence: an earlier rule explains the errors of later ones, in whatever order they were printed. */
export const DEVICETREE_RULES: readonly Rule[] = [
  {
    pattern: /devicetree error: (.+?):(\d+) \(column \d+\): parse error: (.+)$/,
    // The column belongs to the preprocessed line, which the user never wrote.
    find: ([, file, line, said = '']) => {
      const place = { file: file!, line: Number(line) };
      // The end of all sources, of which the keymap is the last.
      if (/[\\/]zephyr[\\/]misc[\\/]empty_file\.c$/.test(file!)) {
        const missing = /';'/.test(said) ? ';' : '};';
        return known(`The keymap ends too early: a '${missing}' is missing, here or further up.`, {
          search: { kind: 'end' },
        });
      }
      const label = /undefined node label '([^']+)'/.exec(said)?.[1];
      if (label !== undefined) return known(noLabel(label), { ...place, search: { kind: 'label', label } });
      if (/expected number or parenthesized expression/.test(said)) {
        return known('A key code or a number is expected here.', {
          ...place,
          search: { kind: 'unknown-name' },
        });
      }
      if (/expected ';' or ','/.test(said)) return known("A ';' is missing before this.", place);
      const found = known(`This cannot be read: ${said}.`, place);
      // An unknown macro in the place of a node or a property looks like this.
      return /expected (?:'\{'|'\/')/.test(said) ? { ...found, search: { kind: 'unknown-name' } } : found;
    },
  },
  {
    pattern: /devicetree error: (\/\S*): undefined node label '([^']+)'/,
    find: ([, node, label = '']) =>
      known(`${noLabel(label)} It is named in ${node}.`, { search: { kind: 'label', label } }),
  },
  {
    pattern: /devicetree error: Label '([^']+)' appears on (\S+) and on (\S+)/,
    find: ([, label = '', first = '', second = '']) =>
      known(`The label '${label}' is given to two nodes, ${first} and ${second}.`, {
        search: { kind: 'twice', label, nodes: [first, second] },
      }),
  },
  {
    pattern:
      /devicetree error: '([^']+)' appears in (\S+) in \S+, but is not declared in 'properties:' in (.+)$/,
    find: ([, property = '', node = '', binding = '']) =>
      known(`'${property}' is not a property of ${nameOfBinding(binding)}.`, {
        search: { kind: 'property', property, node, binding },
      }),
  },
  {
    pattern:
      /devicetree error: '([^']+)' is marked as required in 'properties:' in (.+?), but does not appear in <Node (\S+)/,
    find: ([, property, binding = '', node = '']) =>
      known(`'${path.posix.basename(node)}' lacks '${property}', which ${nameOfBinding(binding)} needs.`, {
        search: { kind: 'lacking', node },
      }),
  },
  {
    pattern:
      /devicetree error: .*(?:lacks #binding-cells|bindings\b.*(?:phandle|assigned with)|phandle\b.*bindings)/,
    find: () => known(WRONG_COUNT, { search: { kind: 'wrong-binding' } }),
  },
  {
    pattern: /'DT_N_S_keymap_S_(\w+?)_P_bindings_IDX_(\d+)_\w+' undeclared/,
    find: ([, layer, index]) =>
      known(`Key ${index} (counted from 0) of the layer '${layer}' has too many or too few parameters.`, {
        search: { kind: 'wrong-binding' },
      }),
  },
  {
    pattern: /devicetree error: (.+)$/,
    find: ([, said = '']) => ({ message: `devicetree error: ${said}`, certain: false }),
  },
];

/** Rules for the compiler's errors about names and includes in a keymap. */
export const SOURCE_RULES: readonly Rule[] = [
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
    find: ([, file, line, column, include = '']) =>
      known(`The included file '${include}' does not exist.`, {
        ...placeAt(file, line, column),
        search: { kind: 'include', include },
      }),
  },
  {
    pattern: /^(.+?):(\d+):(?:(\d+):)? error: '(KC_\w+)' undeclared/,
    find: ([, file, line, column, name]) =>
      known(`'${name}' is not a key code of ZMK.`, {
        ...placeAt(file, line, column),
        search: { kind: 'unknown-name' },
      }),
  },
];

function noLabel(label: string): string {
  return `There is no '&${label}'.`;
}

/** `zmk,behavior-hold-tap` for its binding file. */
function nameOfBinding(file: string): string {
  return path.posix.basename(file.replaceAll('\\', '/')).replace(/\.ya?ml$/, '');
}
