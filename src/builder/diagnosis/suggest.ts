// Suggestions of similar names, as the end of a sentence.
import { closestMatch } from '../../config/closest-match.ts';

const MAX_NAMES = 3;

/** ` Did you mean 'corne_left' or 'corne_right'?`: names with this prefix, else the closest name; else empty. */
export function suggestion(word: string, names: Iterable<string>): string {
  const all = [...new Set(names)];
  const longer = all.filter(name => word.length > 2 && name.startsWith(`${word}_`)).sort();
  const near = closestMatch(word, all);
  const found = longer.length > 0 && longer.length <= MAX_NAMES ? longer : near === undefined ? [] : [near];
  return found.length === 0 ? '' : ` Did you mean ${found.map(name => `'${name}'`).join(' or ')}?`;
}
