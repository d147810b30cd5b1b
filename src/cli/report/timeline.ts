// SVG timeline of a build: one track per thread, one bar per span.
import { formatDuration } from '../terminal/text.ts';
import { type Markup, markup } from './markup.ts';
import type { Recording, Span } from './recording.ts';

const WIDTH = 1_000;
const LEFT = 80;
const TRACK = 34;
const BAR = 24;
const AXIS = 22;
/** Approximate width of a character in pixels. */
const CHARACTER = 6.6;
const TICKS = 8;
/** Characters of a track's label that have room. */
const MAX_NAME = 11;

/** Legend labels, in order. */
export const KINDS: Readonly<Record<Span['kind'], string>> = {
  compiled: 'compiled',
  restored: 'from the cache',
  lookup: 'asked the cache in vain',
  waiting: 'waited for another build',
  failed: 'failed',
  cancelled: 'cancelled',
};

/**
 * The timeline as an SVG element. Each bar has its kind as a class and a tooltip; a table should give the same
 * information.
 */
export function timeline(recording: Recording): Markup {
  const { trackNames, spans, duration } = recording;
  const height = AXIS + trackNames.length * TRACK + 4;
  const scale = (WIDTH - LEFT - 8) / Math.max(1, duration);
  const x = (at: number) => round(LEFT + at * scale);
  const ticks = ticksOf(duration).map(at => {
    return markup`<line class="tick" x1="${x(at)}" x2="${x(at)}" y1="${AXIS - 4}" y2="${height}"/>
<text class="axis" x="${x(at)}" y="12" text-anchor="middle">${formatDuration(at)}</text>`;
  });
  const names = trackNames.map((name, track) => {
    const y = AXIS + track * TRACK;
    return markup`<text class="track" x="${LEFT - 10}" y="${y + BAR / 2 + 4}" text-anchor="end">${name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1)}…` : name}</text>`;
  });
  const bars = spans.map(span => {
    const { target, kind, track, from, to } = span;
    const width = Math.max(2, round((to - from) * scale));
    const y = AXIS + track * TRACK;
    const fitting = Math.floor((width - 10) / CHARACTER);
    const label = target.length <= fitting ? target : fitting > 3 ? `${target.slice(0, fitting - 1)}…` : '';
    return markup`<g class="bar ${kind}"><title>${target}: ${KINDS[kind]}, ${formatDuration(to - from)}</title>
<rect x="${x(from)}" y="${y}" width="${width}" height="${BAR}" rx="3"/>
<text x="${round(x(from) + 6)}" y="${y + BAR / 2 + 4}">${label}</text></g>`;
  });
  return markup`<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline of the build by worker; the table below has the same figures.">
${ticks}${names}${bars}
</svg>`;
}

/** Round tick times, few enough to be readable. */
function ticksOf(duration: number): number[] {
  const step = [1, 2, 5, 10, 20, 50].flatMap(base => [1, 100, 10_000, 1_000_000].map(power => base * power));
  const wide = step.sort((a, b) => a - b).find(size => duration / size <= TICKS) ?? duration;
  return Array.from({ length: Math.floor(duration / wide) + 1 }, (_, index) => index * wide);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
