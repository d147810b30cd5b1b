// Figures as people read them.

/** `1,234,567`; below ten with one decimal. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: count < 10 ? 1 : 0 });
}

/** Milliseconds with two or three figures that mean something: `0.31 µs`, `8.4 µs`, `190 ms`, `2.1 s`. */
export function formatTime(milliseconds: number): string {
  // What would be rounded up to a thousand is one of the next unit.
  if (milliseconds < 0.9995) return `${figures(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${figures(milliseconds)} ms`;
  return `${figures(milliseconds / 1000)} s`;
}

/** A ratio: `0.83`, `4.2`, `17`, `1,234`. */
export function formatFactor(ratio: number): string {
  return figures(ratio);
}

/** A part of 1 in per cent: `0.97 %`. */
export function formatShare(share: number): string {
  return `${figures(share * 100)} %`;
}

// Two figures, or all of those before the point.
function figures(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  if (value >= 9.95) return Math.round(value).toLocaleString('en-US');
  return value >= 0.995 ? value.toFixed(1) : value.toFixed(2);
}
