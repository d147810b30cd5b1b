// Hide sets: names of macros that must not be expanded again in a token, because the token comes from their
// expansion.

export type HideSet = ReadonlySet<string>;

export const NO_HIDE_SET: HideSet = new Set();

/** Equal questions return the same set, so that repeated invocations share memory. */
const known = new WeakMap<HideSet, Map<string, HideSet>>();

/** A hide set with one more name. */
export function withName(hideSet: HideSet, name: string): HideSet {
  let byName = known.get(hideSet);
  if (byName === undefined) {
    byName = new Map();
    known.set(hideSet, byName);
  }
  let found = byName.get(name);
  if (found === undefined) {
    found = new Set(hideSet).add(name);
    byName.set(name, found);
  }
  return found;
}

export function union(a: HideSet | undefined, b: HideSet): HideSet {
  return a === undefined ? b : new Set([...a, ...b]);
}

export function intersection(a: HideSet | undefined, b: HideSet | undefined): HideSet {
  if (a === undefined || b === undefined) return NO_HIDE_SET;
  return a === b ? a : new Set([...a].filter(name => b.has(name)));
}
