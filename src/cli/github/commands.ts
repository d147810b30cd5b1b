// Workflow commands: lines that GitHub Actions reads in the output of a step.
import { randomUUID } from 'node:crypto';
import { isAbsolute, relative, sep } from 'node:path';

/** GitHub shows no more than ten of a step. */
export const MAX_ANNOTATIONS = 10;

/** Where an annotation is shown. */
export interface Place {
  /** Relative to the repository, with slashes. */
  file: string;
  line?: number | undefined;
  column?: number | undefined;
}

/** The line that makes an annotation. */
export function errorCommand(title: string, message: string, place?: Place): string {
  const properties = Object.entries({ file: place?.file, line: place?.line, col: place?.column, title })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::error ${properties.join(',')}::${escapeData(message)}`;
}

/** Lines that are folded under a title, in which nothing is taken for a command. */
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

/** A file's path in the repository; undefined when it is elsewhere. */
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
