// Parser of `build.ninja`: the files that CMake read, which are dependencies of `build.ninja` itself, so that it runs
// again.

const RULE = ': RERUN_CMAKE';

/**
 * The files that CMake depends on, with names as Ninja knows them: list files, and declared ones, as Zephyr declares
 * configuration fragments, Kconfig sources and devicetree sources. Undefined unless there is exactly one such list.
 */
export function parseCmakeInputs(manifest: string): string[] | undefined {
  const rule = findRule(manifest);
  if (rule === undefined) return undefined;
  const words = wordsAfter(manifest, rule + RULE.length);
  const inputs = words.filter(word => word !== '|' && word !== '||');
  return inputs.length === 0 ? undefined : inputs;
}

/**
 * The header directories of compilers and preprocessors, each once, with names as on the command line: `-I`,
 * `-isystem`, `-iquote`, `-idirafter` and the like of every statement.
 */
export function parseIncludeDirectories(manifest: string): string[] {
  // Hundreds of objects share a few lists.
  const lists = new Set<string>();
  for (const [, list] of manifest.matchAll(/^ +(?:INCLUDES|FLAGS) = (.*-[Ii].*)/gm)) {
    lists.add(list!);
  }
  const found = new Set<string>();
  for (const list of lists) {
    const words = shellWords(list.replaceAll(/\$([ :$])/g, '$1'));
    for (const directory of includeDirectories(words)) found.add(directory);
  }
  return [...found];
}

/** The header directories in a compiler's arguments. */
export function includeDirectories(words: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [, option, joined] =
      /^-(I|isystem|iquote|idirafter|iwithprefix(?:before)?)(.*)$/s.exec(words[at]!) ?? [];
    if (option === undefined) continue;
    const directory = joined === '' ? words[++at] : joined!.replace(/^=/, '');
    if (directory) found.push(directory);
  }
  return found;
}

/** The compiled sources, with names as Ninja knows them. */
export function parseCompiledSources(manifest: string): string[] {
  const statements = manifest.matchAll(/^build [^\n]*?: (?:C|CXX|ASM)_COMPILER__\S+ /gm);
  return [
    ...new Set(
      [...statements].flatMap(({ index, 0: text }) => wordsAfter(manifest, index + text.length)[0] ?? []),
    ),
  ];
}

/** The words of a command line that CMake quoted for a shell. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
      (_, double?: string, single?: string, escaped?: string) =>
        double !== undefined ? double.replaceAll(/\\(["\\$`])/g, '$1') : (single ?? escaped ?? ''),
    ),
  );
}

/** The offset of the only statement that makes `build.ninja`. */
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

/**
 * The words up to the end of the statement. `$` before a blank, a colon or a `$` makes that part of a word; before a
 * line end it joins lines.
 */
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
