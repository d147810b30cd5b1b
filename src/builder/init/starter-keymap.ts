// Starter keymap: letters, numbers and arrows for a keyboard of which only the rows are known.
import type { Keyboard } from './hardware.ts';

const LETTERS = [
  ['Q', 'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P'],
  ['A', 'S', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'SEMI'],
  ['Z', 'X', 'C', 'V', 'B', 'N', 'M', 'COMMA', 'DOT', 'FSLH'],
] as const;
const NUMBERS = ['N1', 'N2', 'N3', 'N4', 'N5', 'N6', 'N7', 'N8', 'N9', 'N0'] as const;
/** Keys left and right of a row's ten, from the inside out. */
const SIDES: readonly (readonly [left: readonly string[], right: readonly string[]])[] = [
  [['ESC'], ['BSPC', 'DEL']],
  [['TAB'], ['BSPC', 'DEL']],
  [['LCTRL'], ['SQT', 'RET']],
  [['LSHFT'], ['RSHFT', 'UP']],
];
/** Keys of the rows below, from the middle out. */
const THUMBS = [
  ['&kp SPACE', '&mo LOWER', '&kp LGUI', '&kp LALT', '&kp LCTRL', '&kp ESC'],
  ['&kp RET', '&kp BSPC', '&kp RALT', '&kp RGUI', '&kp RCTRL', '&kp DEL'],
] as const;
const ARROWS = ['LEFT', 'DOWN', 'UP', 'RIGHT'] as const;
/** Keys of a hand and its row of letters. */
const TEN = 10;

/** The text of a keymap for such rows. It has as many keys as they have, and builds. */
export function starterKeymap({ name, rows }: Pick<Keyboard, 'name' | 'rows'>): string {
  const isLetters = (count: number) => count >= TEN;
  // The last row is for the thumbs where there are more than the letters need. Above it are three rows of letters, and
  // a row of numbers.
  const fingers = rows.length > 3 ? rows.slice(0, -1) : rows;
  const lettered = fingers.flatMap((count, index) => (isLetters(count) ? [index] : [])).slice(-4);
  const first = Math.max(0, lettered.length - 3);
  const base: string[] = [];
  const lower: string[] = [];
  for (const [row, count] of rows.entries()) {
    const place = lettered.indexOf(row);
    if (place < 0) {
      base.push(line(lettered.length === 0 ? pad(rows, row) : thumbs(count)));
      lower.push(line(Array(count).fill('&trans')));
      continue;
    }
    const letters = place - first;
    const ten = letters < 0 ? NUMBERS : LETTERS[letters]!;
    base.push(line(around(ten, count, SIDES[letters + 1]!)));
    const inner =
      letters === 0 ? NUMBERS : letters === 1 ? [...Array(5).fill(''), ...ARROWS, ''] : Array(TEN).fill('');
    lower.push(line(around(inner, count)));
  }
  return `// Keymap of the ${name}: a layer of letters, and one of numbers and arrows while &mo LOWER is held.
// All keys and behaviors: https://zmk.dev/docs/keymaps

#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>

#define BASE 0
#define LOWER 1

/ {
    keymap {
        compatible = "zmk,keymap";

        base_layer {
            display-name = "Base";
            bindings = <
${base.join('\n')}
            >;
        };

        lower_layer {
            display-name = "Lower";
            bindings = <
${lower.join('\n')}
            >;
        };
    };
};
`;
}

/** Ten keys in the middle of a row, with keys for its ends. */
function around(
  ten: readonly string[],
  count: number,
  [left, right]: readonly [readonly string[], readonly string[]] = [[], []],
): string[] {
  const before = Math.floor((count - TEN) / 2);
  const after = count - TEN - before;
  const none = left.length === 0 ? '&trans' : '&none';
  const keys = (names: readonly string[], length: number) =>
    Array.from({ length }, (_, index) => (names[index] === undefined ? none : `&kp ${names[index]}`));
  const middle = ten.map(key => (key === '' ? '&trans' : `&kp ${key}`));
  return [...keys(left, before).reverse(), ...middle, ...keys(right, after)];
}

function thumbs(count: number): string[] {
  const left = Math.ceil(count / 2);
  const hand = (keys: readonly string[], length: number) =>
    Array.from({ length }, (_, index) => keys[index] ?? '&none');
  return [...hand(THUMBS[0], left).reverse(), ...hand(THUMBS[1], count - left)];
}

/** The keys of a row of a keyboard without letters: numbers. The last key of all leads to the other layer. */
function pad(rows: readonly number[], row: number): string[] {
  const before = rows.slice(0, row).reduce((sum, count) => sum + count, 0);
  const all = rows.reduce((sum, count) => sum + count, 0);
  return Array.from({ length: rows[row]! }, (_, index) => {
    const key = before + index;
    if (key === all - 1 && all > 1) return '&mo LOWER';
    return key < NUMBERS.length ? `&kp ${NUMBERS[key]}` : `&kp F${((key - NUMBERS.length) % 12) + 1}`;
  });
}

function line(keys: readonly string[]): string {
  return `                ${keys
    .map(key => key.padEnd(10))
    .join(' ')
    .trimEnd()}`;
}
