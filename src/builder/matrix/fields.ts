// The fields of a build matrix that ZMK's workflow reads, and what a person meant by another one.
import { closestMatch } from '../../config/closest-match.ts';

/** What a target of the matrix can be given. */
export const FIELDS = ['board', 'shield', 'snippet', 'cmake-args', 'artifact-name'] as const;
export type Field = (typeof FIELDS)[number];

/** Whether the workflow reads a field of this name, which is in lower case. */
export function isField(name: string): name is Field {
  return (FIELDS as readonly string[]).includes(name);
}

/** The field that was probably meant: one that is spelled much like it, or is a part of it, as in `extra_cmake_args`. */
export function nearestField(name: string, known: readonly string[] = FIELDS): string | undefined {
  const spelled = name.toLowerCase().replaceAll('_', '-');
  return closestMatch(spelled, known) ?? known.find(field => spelled.includes(field));
}

/** ` Did you mean 'shield'?`, to be put behind a sentence; empty when no field is near. */
export function didYouMeanField(name: string, known?: readonly string[]): string {
  const meant = nearestField(name, known);
  return meant === undefined ? '' : ` Did you mean '${meant}'?`;
}
