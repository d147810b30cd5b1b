// Text drawing of a layout: one box per key, in the rows of its source.

import type { Binding, Layer, Layout } from '../layout.ts';
import { Canvas } from './canvas.ts';
import { type Grid, gridOf, placeKeys } from './grid.ts';
import { type Legend, legendOf } from './legend.ts';

/** Options of {@link drawLayout}. */
export interface DrawOptions {
  /** Available columns. Default: 100. Key caps shrink to fit, down to three columns. */
  width?: number;
}

const WIDEST_CAP = 7;

/**
 * Draws all layers, one below the other. A keyboard whose rows all have an even number of keys is drawn in two
 * halves. `▽` is a transparent key, `✕` a key that does nothing. A cap's second line shows its hold action or its
 * kind. For a layer with unknown keys, the reason is printed instead. Ends without a line end.
 */
export function drawLayout(layout: Layout, { width = 100 }: DrawOptions = {}): string {
  const legends = layout.layers.map(({ bindings }) => bindings.map(binding => legendOf(binding, layout)));
  // All layers use the same grid, so that a key stays in the same place.
  const longest = Math.max(
    0,
    ...legends.flat().flatMap(legend => linesOf(legend).map(line => [...line].length)),
  );
  const number = (index: number) => (layout.isIncomplete ? '' : `${index} `);
  const drawn = layout.layers.map((layer, index) => {
    if (layer.unreadable !== undefined) {
      return [titleOf(layer, number(index)), `not drawn: ${layer.unreadable}`].map(printable).join('\n');
    }
    const caps = drawCaps(legends[index]!, gridOf(layer.rows, Math.min(WIDEST_CAP, longest), width));
    const { unreadableSensors } = layer;
    const sensors =
      unreadableSensors === undefined
        ? layer.sensorBindings.map(writtenOut).join(', ')
        : `not drawn: ${unreadableSensors}`;
    return [titleOf(layer, number(index)), caps, ...(sensors === '' ? [] : [`sensors: ${sensors}`])]
      .map(printable)
      .join('\n');
  });
  return drawn.join('\n\n');
}

function titleOf({ name, displayName }: Layer, number: string): string {
  return displayName === undefined ? `${number}${name}` : `${number}${displayName} (${name})`;
}

function drawCaps(legends: readonly Legend[], grid: Grid): string {
  const canvas = new Canvas();
  const tops: number[] = [];
  const heights = grid.rows.map(parts =>
    Math.max(1, ...parts.flat().map(key => linesOf(legends[key]!).length)),
  );
  let y = 0;
  for (const height of heights) {
    tops.push(y);
    y += height + 1;
  }
  for (const { key, row, left } of placeKeys(grid)) {
    canvas.box(left, tops[row]!, grid.cap, heights[row]!);
    for (const [line, text] of linesOf(legends[key]!).entries()) {
      canvas.text(left + 1, tops[row]! + 1 + line, centered(fitted(text, grid.cap), grid.cap));
    }
  }
  return canvas.toString();
}

function linesOf({ tap, hold }: Legend): string[] {
  if (hold !== undefined) return [tap, hold];
  const [first = '', ...rest] = tap.split(/[ _]/).filter(word => word !== '');
  return tap.length > WIDEST_CAP && rest.length > 0 ? [first, rest.join('_')] : [tap];
}

function fitted(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

function centered(text: string, width: number): string {
  const spare = width - [...text].length;
  return ' '.repeat(Math.floor(spare / 2)) + text;
}

function writtenOut({ behavior, parameters }: Binding): string {
  return [behavior, ...parameters].join(' ');
}

/** Replaces control characters: a keymap may contain any text, and a terminal would obey it. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, '�');
}
