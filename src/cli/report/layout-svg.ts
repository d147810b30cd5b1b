// A keymap as one self-contained SVG: its layers, and below them its combos, macros and conditional layers.
import { type Binding, type Layout, legendOf, type PhysicalLayout } from '../../keymap/index.ts';
import { drawLayers } from './layers.ts';
import { Markup, markup } from './markup.ts';

/** Pixels around the drawing, below a title, and between two layers. */
const MARGIN = 20;
const TITLE = 30;
const BETWEEN = 28;
const LINE = 22;
/** Pixels; lists are not narrower, whatever the keyboard. */
const NARROWEST = 640;
/** Pixels of a character in a list, on the safe side. */
const CHARACTER = 7.6;

// Colours are given twice instead of by variables, which many viewers of SVG do not know.
const STYLE = `
.page { fill: #fff; } text { fill: #1c1f24; font-family: system-ui, sans-serif; } .title { font-size: 16px; font-weight: 600; }
.item, .note { font-size: 13px; } .note { fill: #5b6370; }
.key rect { fill: #f5f6f8; stroke: #d5d9e0; } .key .hold { fill: #5b6370; } .key.two rect { stroke: #2759b8; }
.key.below text, .key.nothing text { fill: #5b6370; }
@media (prefers-color-scheme: dark) {
.page { fill: #15181c; } text { fill: #e6e8ec; } .note { fill: #a2aab6; }
.key rect { fill: #1f2329; stroke: #3a404a; } .key .hold { fill: #a2aab6; } .key.two rect { stroke: #82aaff; }
.key.below text, .key.nothing text { fill: #a2aab6; } }
`;

/**
 * The SVG as text. It loads nothing, and follows the viewer's light or dark mode.
 *
 * @param title the name of the keymap
 */
export function layoutSvg(title: string, layout: Layout, layouts: readonly PhysicalLayout[]): string {
  const drawings = drawLayers(layout, layouts);
  const width = Math.max(NARROWEST, ...drawings.map(drawing => drawing.width + 2 * MARGIN));
  const parts: Markup[] = [];
  let y = MARGIN;
  const heading = (text: string) => {
    parts.push(markup`<text class="title" x="${MARGIN}" y="${y + 16}">${text}</text>\n`);
    y += TITLE;
  };
  const line = (text: string, kind: 'item' | 'note') => {
    for (const piece of wrapped(text, Math.floor((width - 2 * MARGIN) / CHARACTER))) {
      parts.push(markup`<text class="${kind}" x="${MARGIN}" y="${y + 13}">${piece}</text>\n`);
      y += LINE;
    }
  };
  for (const drawing of drawings) {
    heading(drawing.title);
    if (drawing.unreadable !== undefined) line(`Not drawn: ${drawing.unreadable}`, 'note');
    else {
      parts.push(markup`<g transform="translate(${MARGIN} ${y})"><title>${drawing.description}</title>
${drawing.caps}
</g>
`);
      y += drawing.height;
    }
    y += BETWEEN;
  }
  for (const [name, items] of listsOf(layout)) {
    heading(name);
    for (const item of items) line(item, 'item');
    y += BETWEEN - 6;
  }
  const height = Math.round(y - BETWEEN + MARGIN);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
<rect class="page" width="${width}" height="${height}" rx="8"/>
${parts}</svg>
`.text;
}

/** Headings with their lines, without those of nothing. */
export function listsOf(layout: Layout): (readonly [heading: string, items: string[]])[] {
  const { layers, combos = [], macros = [], conditionalLayers = [] } = layout;
  const layer = (number: number) => layers[number]?.displayName ?? layers[number]?.name ?? String(number);
  const named = (numbers: readonly number[]) => numbers.map(layer).join(' and ');
  const keys = (positions: readonly number[], on: number) =>
    positions.map(position => keyAt(layout, on, position)).join(' + ');
  const lists = [
    [
      'Combos',
      combos.map(({ name, keys: positions, bindings, layers: on }) => {
        const where = on === undefined ? '' : ` (on ${named(on)})`;
        return `${name}: ${keys(positions, on?.[0] ?? 0)} → ${shown(bindings, layout)}${where}`;
      }),
    ],
    ['Macros', macros.map(({ name, bindings }) => `&${name}: ${shown(bindings, layout)}`)],
    [
      'Conditional layers',
      conditionalLayers.map(
        ({ name, ifLayers, thenLayer }) => `${name}: ${named(ifLayers)} → ${layer(thenLayer)}`,
      ),
    ],
  ] as const;
  return lists.filter(([, items]) => items.length > 0);
}

/** The legend of a key on a layer, or on the lowest one where the layer has none of its own; else its number. */
function keyAt(layout: Layout, on: number, position: number): string {
  const binding = layout.layers[on]?.bindings[position];
  if (binding === undefined) return `key ${position}`;
  if (binding.behavior === 'trans' && on !== 0) return keyAt(layout, 0, position);
  return legendOf(binding, layout).tap;
}

function shown(bindings: readonly Binding[], layout: Layout): string {
  if (bindings.length === 0) return 'not known';
  return bindings
    .map(binding => {
      const { tap, hold } = legendOf(binding, layout);
      return hold === undefined ? tap : `${tap} (${hold})`;
    })
    .join(' ');
}

/** Lines of at most so many characters, broken between words where that is possible. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > most) {
    const space = rest.lastIndexOf(' ', most);
    const end = space > 0 ? space : most;
    lines.push(rest.slice(0, end));
    rest = `    ${rest.slice(end).trimStart()}`;
    if (lines.length > 200) break;
  }
  return [...lines, rest.slice(0, most)];
}
