// Workflow commands: lines in a step's output that GitHub Actions interprets.
import { randomUUID } from 'node:crypto';
import { isAbsolute, relative, sep } from 'node:path';

/** GitHub's limit per step. */
export const MAX_ANNOTATIONS = 10;

/** Place of an annotation. */
export interface Place {
  /** Relative to the repository, with slashes. */
  file: string;
  line?: number | undefined;
  column?: number | undefined;
}

/** The line that creates an error annotation. */
export function errorCommand(title: string, message: string, place?: Place): string {
  const properties = Object.entries({ file: place?.file, line: place?.line, col: place?.column, title })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::error ${properties.join(',')}::${escapeData(message)}`;
}

/** Lines folded under a title. Nothing in them is interpreted as a command. */
export function grouped(title: string, lines: readonly string[]): string[] {
  const token = randomUUID();
  return [
    `::group::${escapeData(title)}`,
    `::stop-commands::${token}`,
    ...lines,
    `::${token}::`,
    '::endgroup::',
  ];
}

/** Path of a file in the repository; undefined when it is outside. */
export function pathInRepository(file: string, repository: string): string | undefined {
  if (!isAbsolute(file)) return file.split(sep).join('/');
  const inside = relative(repository, file);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside)
    ? undefined
    : inside.split(sep).join('/');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
