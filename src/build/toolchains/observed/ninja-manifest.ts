// CMake's list of the files that it read: the dependencies of `build.ninja` itself, by which it knows when to run again.

const RULE = ': RERUN_CMAKE';

/**
 * The files that CMake depends on, with names as Ninja knows them: list files, and whatever they declare, as Zephyr does
 * for configuration fragments, Kconfig sources and devicetree sources. Undefined when there is no such list, or more
 * than one.
 */
export function parseCmakeInputs(manifest: string): string[] | undefined {
  const rule = findRule(manifest);
  if (rule === undefined) return undefined;
  const words = wordsAfter(manifest, rule + RULE.length);
  const inputs = words.filter(word => word !== '|' && word !== '||');
  return inputs.length === 0 ? undefined : inputs;
}

/** Where the one statement is that makes `build.ninja`. */
function findRule(manifest: string): number | undefined {
  let found: number | undefined;
  for (let at = manifest.indexOf(RULE); at >= 0; at = manifest.indexOf(RULE, at + 1)) {
    const line = manifest.slice(manifest.lastIndexOf('\n', at) + 1, at);
    if (!line.startsWith('build ') || /\w/.test(manifest[at + RULE.length] ?? '')) continue;
    if (found !== undefined) return undefined;
    found = at;
  }
  return found;
}

/** The words up to the end of the statement. `$` before a blank, a colon or a `$` makes it part of a word; before a line end it joins lines. */
function wordsAfter(manifest: string, start: number): string[] {
  const words: string[] = [];
  let word = '';
  const end = () => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (let at = start; at < manifest.length && manifest[at] !== '\n'; at++) {
    const character = manifest[at]!;
    if (character === ' ') end();
    else if (character !== '$') word += character;
    else if (manifest[at + 1] === '\n') {
      at++;
      while (manifest[at + 1] === ' ') at++;
      end();
    } else word += manifest[++at] ?? '';
  }
  end();
  return words;
}
