// What the records of a build leave open.

/**
 * `names`: files may have been looked for that nobody wrote down, so any that comes or goes counts.
 * `contents`: files may have been read that nobody wrote down, so every file counts.
 */
export type Uncertainty = 'names' | 'contents';

/** The worse of them, or undefined when there are none. */
export function greatest(uncertainties: readonly (Uncertainty | undefined)[]): Uncertainty | undefined {
  return uncertainties.includes('contents')
    ? 'contents'
    : uncertainties.includes('names')
      ? 'names'
      : undefined;
}
