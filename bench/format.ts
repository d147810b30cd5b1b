// Number formats for people.

/** `1,234,567`; one decimal below ten. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: count < 10 ? 1 : 0 });
}

/** Milliseconds with two or three significant digits: `0.31 µs`, `8.4 µs`, `190 ms`, `2.1 s`. */
export function formatTime(milliseconds: number): string {
  // A value that would round up to a thousand uses the next unit.
  if (milliseconds < 0.9995) return `${figures(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${figures(milliseconds)} ms`;
  return `${figures(milliseconds / 1000)} s`;
}

/** A ratio: `0.83`, `4.2`, `17`, `1,234`. */
export function formatFactor(ratio: number): string {
  return figures(ratio);
}

/** A fraction in percent: `0.97 %`. */
export function formatShare(share: number): string {
  return `${figures(share * 100)} %`;
}

// Two significant digits, or all digits before the decimal point.
function figures(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  if (value >= 9.95) return Math.round(value).toLocaleString('en-US');
  return value >= 0.995 ? value.toFixed(1) : value.toFixed(2);
}
