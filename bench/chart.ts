// Bar charts as SVG: one bar per peer, one group per topology. Readable on a light and a dark background.

import type { ExperimentResult, Group, Line } from './experiment-result.ts';
import { formatCount, formatFactor, formatTime } from './format.ts';
import { REFERENCE } from './peer.ts';
import type { Cell, Results } from './results.ts';
import { topologyLabel } from './topology.ts';
import { findWorkload } from './workload.ts';

const WIDTH = 860;
const MARGIN = 16;
const ROW = 22;
const BAR = 14;
// Left edge of the bars, and length of the longest.
const BARS = 190;
const LONGEST = 400;

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #59636e }
  .ours { font-weight: 600 }
  rect { fill: #9aa7b4 }
  rect.ours { fill: #1a7f37 }
  line { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    rect { fill: #59636e }
    rect.ours { fill: #3fb950 }
    line { stroke: #3d444d }
  }`;

/** The SVG chart of a workload; undefined when it was not measured. */
export function chart(results: Results, workloadName: string): string | undefined {
  const cells = results.cells.filter(cell => cell.workload === workloadName);
  if (cells.length === 0) return undefined;
  const workload = findWorkload(workloadName);
  const titleOf = (cell: Cell) => results.peers.find(peer => peer.name === cell.peer)!.title;
  const isStampede = workload.type === 'stampede';
  const groups = [...Map.groupBy(cells, topologyLabel)].map(([heading, ofTopology]) => ({
    heading,
    lines: ofTopology.map(cell =>
      isStampede ? stampedeLine(cell, titleOf(cell)) : speedLine(cell, titleOf(cell)),
    ),
  }));
  const axis = isStampede
    ? 'from the value to the last thread that has it: shorter is better'
    : 'operations per second: longer is better';
  return draw(workload.title, subtitle(axis, results), groups);
}

/** The SVG chart of an experiment; undefined when it has none. */
export function experimentChart(
  results: Results,
  { title, chart: drawing }: ExperimentResult,
): string | undefined {
  return drawing && draw(title, subtitle(drawing.axis, results), drawing.groups);
}

function subtitle(axis: string, { date, machine }: Results): string {
  return `${axis} · ${date.slice(0, 10)}, ${machine.cpus} cores`;
}

function speedLine(cell: Cell, name: string): Line {
  const { opsPerSecond, ratio, peer } = cell;
  const compared = ratio ? ` · Glovebox is ${formatFactor(ratio.median)}×` : '';
  return {
    name,
    value: opsPerSecond,
    label: `${formatCount(opsPerSecond)}${compared}`,
    isOurs: peer === REFERENCE,
  };
}

function stampedeLine({ stampede, peer }: Cell, name: string): Line {
  const { calls, delay } = stampede!;
  const label = `${formatTime(delay)} · the value was made ${calls === 1 ? 'once' : `${calls} times`}`;
  return { name, value: delay, label, isOurs: peer === REFERENCE };
}

function draw(title: string, below: string, groups: readonly Group[]): string {
  const longest = Math.max(...groups.flatMap(({ lines }) => lines.map(({ value }) => value)));
  const parts = [text(MARGIN, 30, title, 'title'), text(MARGIN, 50, below, 'faint')];
  let y = 78;
  for (const { heading, lines } of groups) {
    parts.push(text(MARGIN, y, heading, 'faint'));
    parts.push(`<line x1="${BARS}" y1="${y + 6}" x2="${BARS}" y2="${y + 10 + lines.length * ROW}"/>`);
    for (const { name, value, label, isOurs } of lines) {
      y += ROW;
      const width = Math.max(1, (LONGEST * value) / longest);
      const bar = isOurs ? ' class="ours"' : '';
      parts.push(text(BARS - 8, y + 4, name, isOurs ? 'ours' : '', 'end'));
      parts.push(`<rect${bar} x="${BARS}" y="${y - 7}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`);
      parts.push(text(BARS + width + 8, y + 4, label, isOurs ? 'ours' : ''));
    }
    y += ROW + 18;
  }
  const height = y - 14;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeText(title)}">
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`;
}

function text(x: number, y: number, content: string, kind: string, anchor = ''): string {
  const attributes = `${kind && ` class="${kind}"`}${anchor && ` text-anchor="${anchor}"`}`;
  return `<text x="${x.toFixed(1).replace('.0', '')}" y="${y}"${attributes}>${escapeText(content)}</text>`;
}

function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
