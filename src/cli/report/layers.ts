// Layers of a keymap as SVG key caps.
import {
  type KeyShape,
  type Layer,
  type LayerShapes,
  type Layout,
  legendOf,
  type PhysicalLayout,
  shapesOf,
} from '../../keymap/index.ts';
import { type Markup, markup, scrollable } from './markup.ts';

/** Approximate pixels of a character at the normal font size of a tap. */
const WIDE = 9;
const NARROW = 7;
const TAP_SIZE = 13;
const HOLD_SIZE = 10;
/** Pixels of a cap that its text leaves free. */
const PADDING = 6;
const MAX_SHOWN = 12;

/** A layer with its caps, to be placed in an SVG. */
export interface LayerDrawing {
  title: string;
  /** The text for screen readers. */
  description: string;
  width: number;
  height: number;
  caps: Markup[];
  /** The reason that the keys are not known. There are no caps then. */
  unreadable: string | undefined;
}

/** One drawing per layer. */
export function drawLayers(layout: Layout, layouts: readonly PhysicalLayout[]): LayerDrawing[] {
  return layout.layers.map((layer, index) => {
    const name = layer.displayName === undefined ? layer.name : `${layer.displayName} (${layer.name})`;
    const shapes: LayerShapes =
      layer.unreadable === undefined ? shapesOf(layer, layouts) : { keys: [], width: 0, height: 0 };
    return {
      title: layout.isIncomplete ? name : `${index} ${name}`,
      description: `Layer ${layout.isIncomplete ? name : `${index}, ${name}`}: ${layer.bindings.length} keys`,
      ...{ width: shapes.width, height: shapes.height, unreadable: layer.unreadable },
      caps: shapes.keys.map((shape, key) => cap(layer, key, shape, layout)),
    };
  });
}

/** One figure per layer. */
export function layerFigures(layout: Layout, layouts: readonly PhysicalLayout[]): Markup[] {
  return drawLayers(layout, layouts).map(({ title, description, width, height, caps, unreadable }) => {
    if (unreadable !== undefined) {
      return markup`<figure><figcaption>${title}</figcaption>
<p class="dim">Not drawn: ${unreadable}</p></figure>`;
    }
    const svg = markup`<svg class="layer" viewBox="-1 -1 ${width + 2} ${height + 2}" style="max-width:${width + 2}px" role="img" aria-label="${description}">
${caps}
</svg>`;
    return markup`<figure><figcaption>${title}</figcaption>
${scrollable(svg, `Keys of ${title}`)}</figure>`;
  });
}

function cap(layer: Layer, key: number, shape: KeyShape, layout: Layout): Markup {
  const { behavior, parameters } = layer.bindings[key]!;
  const { tap, hold } = legendOf({ behavior, parameters }, layout);
  const { x, y, width, height, rotation, originX, originY } = shape;
  const line = (text: string, part: number, what: string) =>
    capLine(text, { x: x + width / 2, y: y + height * part, width }, what);
  const kind =
    behavior === 'trans' ? 'below' : behavior === 'none' ? 'nothing' : hold === undefined ? '' : 'two';
  const turned = rotation === 0 ? undefined : markup` transform="rotate(${rotation} ${originX} ${originY})"`;
  return markup`<g class="key ${kind}"${turned}><title>&amp;${[behavior, ...parameters].join(' ')}</title>
<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="5"/>${line(tap, hold === undefined ? 0.61 : 0.46, 'tap')}${hold === undefined ? undefined : line(hold, 0.81, 'hold')}</g>`;
}

/** One line of a cap, in smaller type when it is long. */
function capLine(
  text: string,
  { x, y, width }: { x: number; y: number; width: number },
  what: string,
): Markup {
  const characters = [...text];
  const shown = characters.length > MAX_SHOWN ? `${characters.slice(0, MAX_SHOWN - 1).join('')}…` : text;
  const taken = [...shown].reduce((sum, character) => sum + (/[A-Z\d_]/.test(character) ? WIDE : NARROW), 0);
  const fitting = (TAP_SIZE * (width - PADDING)) / Math.max(1, taken);
  const size = Math.min(what === 'tap' ? TAP_SIZE : HOLD_SIZE, fitting);
  return markup`<text class="${what}" x="${tenths(x)}" y="${tenths(y)}" text-anchor="middle" font-size="${tenths(size)}">${shown}</text>`;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
