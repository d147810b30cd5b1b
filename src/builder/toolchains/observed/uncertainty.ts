// Uncertainty about the files that a build read.

/**
 * `names`: lookups may be unrecorded, so any file that is added or removed counts. `contents`: reads may be unrecorded,
 * so every file counts.
 */
export type Uncertainty = 'names' | 'contents';

/** The greatest uncertainty, or undefined if there is none. */
export function greatest(uncertainties: readonly (Uncertainty | undefined)[]): Uncertainty | undefined {
  return uncertainties.includes('contents')
    ? 'contents'
    : uncertainties.includes('names')
      ? 'names'
      : undefined;
}
