// Layers of a keymap as SVG key caps.
import { gridOf, type Layout, legendOf, placeKeys } from '../../keymap/index.ts';
import { type Markup, markup } from './markup.ts';

/** Maximum inner width of a cap in columns. */
const WIDEST_CAP = 8;
const COLUMNS = 240;
const COLUMN = 7;
const HEIGHT = 42;
const GAP = 6;
/** Characters per line of a cap at the normal font size. */
const FITTING = 8;
const MAX_SHOWN = 12;

/** One figure per layer. */
export function layerFigures(layout: Layout): Markup[] {
  return layout.layers.map((layer, index) => {
    const name = layer.displayName === undefined ? layer.name : `${layer.displayName} (${layer.name})`;
    const title = layout.isIncomplete ? name : `${index} ${name}`;
    if (layer.unreadable !== undefined) {
      return markup`<figure><figcaption>${title}</figcaption>
<p class="dim">Not drawn: ${layer.unreadable}</p></figure>`;
    }
    const legends = layer.bindings.map(binding => legendOf(binding, layout));
    const grid = gridOf(layer.rows, WIDEST_CAP, COLUMNS);
    const keys = placeKeys(grid);
    const width = Math.max(0, ...keys.map(({ left }) => (left + grid.cap + 1) * COLUMN));
    const height = Math.max(0, ...keys.map(({ row }) => (row + 1) * (HEIGHT + GAP)));
    const caps = keys.map(({ key, row, left }) => {
      const { tap, hold } = legends[key] ?? { tap: '' };
      const { behavior = '', parameters = [] } = layer.bindings[key] ?? {};
      const x = left * COLUMN;
      const y = row * (HEIGHT + GAP);
      const middle = x + (grid.cap * COLUMN) / 2;
      const kind =
        behavior === 'trans' ? 'below' : behavior === 'none' ? 'nothing' : hold === undefined ? '' : 'two';
      const lower = hold === undefined ? undefined : capLine(hold, middle, y + 34, 'hold');
      return markup`<g class="key ${kind}"><title>&amp;${[behavior, ...parameters].join(' ')}</title>
<rect x="${x}" y="${y}" width="${grid.cap * COLUMN}" height="${HEIGHT}" rx="5"/>${capLine(tap, middle, y + (hold === undefined ? 26 : 19), 'tap')}${lower}</g>`;
    });
    return markup`<figure><figcaption>${title}</figcaption>
<svg class="layer" viewBox="-1 -1 ${width + 2} ${height + 2}" style="max-width:${width + 2}px" role="img" aria-label="Layer ${layout.isIncomplete ? name : `${index}, ${name}`}: ${layer.bindings.length} keys">
${caps}
</svg></figure>`;
  });
}

/** One line of a cap, in smaller type when it is long. */
function capLine(text: string, x: number, y: number, what: string): Markup {
  const characters = [...text];
  const shown = characters.length > MAX_SHOWN ? `${characters.slice(0, MAX_SHOWN - 1).join('')}…` : text;
  const size = (what === 'tap' ? 13 : 10) * Math.min(1, FITTING / Math.max(1, [...shown].length));
  return markup`<text class="${what}" x="${x}" y="${y}" text-anchor="middle" font-size="${Math.round(size * 10) / 10}">${shown}</text>`;
}
