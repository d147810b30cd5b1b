// Fields of a build matrix that ZMK's workflow reads, and the closest one to a misspelt name.
import { closestMatch } from '../../config/closest-match.ts';

/** The fields of a target in the matrix. */
export const FIELDS = ['board', 'shield', 'snippet', 'cmake-args', 'artifact-name'] as const;
export type Field = (typeof FIELDS)[number];

/** Whether the workflow reads a field of this name (in lower case). */
export function isField(name: string): name is Field {
  return (FIELDS as readonly string[]).includes(name);
}

/**
 * The field that was probably meant: one with a similar spelling, or one contained in the name, as in
 * `extra_cmake_args`.
 */
export function nearestField(name: string, known: readonly string[] = FIELDS): string | undefined {
  const spelled = name.toLowerCase().replaceAll('_', '-');
  return closestMatch(spelled, known) ?? known.find(field => spelled.includes(field));
}

/** ` Did you mean 'shield'?`, to append to a sentence; empty if no field is similar. */
export function didYouMeanField(name: string, known?: readonly string[]): string {
  const meant = nearestField(name, known);
  return meant === undefined ? '' : ` Did you mean '${meant}'?`;
}
