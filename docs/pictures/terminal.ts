// Renders terminal output as an SVG picture with a light or dark theme.

/** Colours of a picture, as CSS. */
export interface Theme {
  background: string;
  border: string;
  text: string;
  faint: string;
  /** Colours by SGR code: 31 is red, 32 green, 33 yellow, 36 cyan. */
  colors: Readonly<Record<number, string>>;
}

export const LIGHT: Theme = {
  background: '#f6f8fa',
  border: '#d1d9e0',
  text: '#1f2328',
  faint: '#59636e',
  colors: { 31: '#cf222e', 32: '#1a7f37', 33: '#9a6700', 36: '#1b7c83' },
};

export const DARK: Theme = {
  background: '#151b23',
  border: '#3d444d',
  text: '#f0f6fc',
  faint: '#9198a1',
  colors: { 31: '#ff7b72', 32: '#3fb950', 33: '#d29922', 36: '#39c5cf' },
};

/** A command and its output, including colour sequences. */
export interface Recording {
  command: string;
  output: string;
}

const FONT_SIZE_PX = 14;
const LINE_HEIGHT_PX = 21;
// The widest character of the fonts below, so that no line exceeds the picture.
const CHARACTER_WIDTH_PX = 8.45;
const PADDING_PX = 18;

interface Run {
  text: string;
  bold: boolean;
  dim: boolean;
  color: number | undefined;
}

/** An SVG picture of the commands with their output, one below the other. */
export function terminalPicture(recordings: readonly Recording[], theme: Theme): string {
  const lines = recordings.flatMap(({ command, output }, index) => [
    ...(index === 0 ? [] : [[]]),
    promptLine(command),
    ...output.replace(/^\n+/, '').trimEnd().split('\n').map(parseLine),
  ]);
  const columns = Math.max(...lines.map(line => line.reduce((sum, { text }) => sum + text.length, 0)));
  const width = Math.ceil(columns * CHARACTER_WIDTH_PX + 2 * PADDING_PX);
  const height = lines.length * LINE_HEIGHT_PX + 2 * PADDING_PX;
  const rows = lines.flatMap((line, index) => {
    if (line.length === 0) return [];
    const y = PADDING_PX + index * LINE_HEIGHT_PX + FONT_SIZE_PX;
    return `<text x="${PADDING_PX}" y="${y}" xml:space="preserve">${line.map(run => span(run, theme)).join('')}</text>`;
  });
  const label = recordings.map(({ command }) => command).join(', then ');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Terminal: ${escapeText(label)}">
<style>text { font: ${FONT_SIZE_PX}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: ${theme.text}; white-space: pre }</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${theme.background}" stroke="${theme.border}"/>
${rows.join('\n')}
</svg>
`;
}

function promptLine(command: string): Run[] {
  return [
    { text: '$ ', bold: false, dim: true, color: undefined },
    { text: command, bold: true, dim: false, color: undefined },
  ];
}

/** Splits a line into runs of equal style. Only colour and weight sequences are supported; others are an error. */
function parseLine(line: string): Run[] {
  const runs: Run[] = [];
  let style: Omit<Run, 'text'> = { bold: false, dim: false, color: undefined };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
  for (const part of line.split(/(\u001b\[[\d;]*[A-Za-z])/)) {
    if (part.startsWith('\u001b')) style = restyle(style, part);
    else if (part !== '') runs.push({ text: part, ...style });
  }
  return runs;
}

function restyle(style: Omit<Run, 'text'>, sequence: string): Omit<Run, 'text'> {
  const code = Number(sequence.slice(2, -1));
  if (!sequence.endsWith('m')) throw new Error(`A picture cannot show ${JSON.stringify(sequence)}.`);
  if (code === 0) return { bold: false, dim: false, color: undefined };
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, color: undefined };
  if (code in LIGHT.colors) return { ...style, color: code };
  throw new Error(`A picture cannot show ${JSON.stringify(sequence)}.`);
}

function span({ text, bold, dim, color }: Run, theme: Theme): string {
  const fill = color === undefined ? (dim ? theme.faint : undefined) : theme.colors[color];
  const attributes = `${bold ? ' font-weight="600"' : ''}${fill ? ` fill="${fill}"` : ''}`;
  return attributes === '' ? escapeText(text) : `<tspan${attributes}>${escapeText(text)}</tspan>`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
