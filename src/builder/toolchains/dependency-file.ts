// Parser of dependency files in Makefile syntax, as `cc -MD`, zig, rustc and ninja's other compilers write them.

/**
 * The prerequisites of all rules, each once, in order; undefined if the text is not a complete dependency file or names
 * no prerequisite, so that it proves nothing.
 *
 * Supported: several targets and several rules, `\` at the end of a line, `\ ` `\#` `\:` for the characters themselves,
 * `$$` for `$`, doubled backslashes before a blank, comments, and rules without prerequisites (`-MP`).
 */
export function parseDependencyFile(text: string): string[] | undefined {
  if (text.includes('\0') || /\\\r?\n?$/.test(text)) return undefined;
  const found = new Set<string>();
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    const words = wordsOf(line);
    if (words.length === 0) continue;
    const colon = words.findIndex(word => word.endsTargets);
    if (colon < 0 || (colon === 0 && words[0]!.text === '')) return undefined;
    for (const word of words.slice(colon + 1)) {
      if (word.text !== '') found.add(word.text);
    }
  }
  return found.size === 0 ? undefined : [...found];
}

interface Word {
  text: string;
  /** Whether the colon that ends the targets follows. Colons after it are part of names. */
  endsTargets: boolean;
}

function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  let text = '';
  let begun = false;
  let inTargets = true;
  const end = (endsTargets: boolean) => {
    if (begun || endsTargets) words.push({ text, endsTargets });
    text = '';
    begun = false;
  };
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (character === '\\') {
      let run = 1;
      while (line[at + run] === '\\') run++;
      const next = line[at + run];
      begun = true;
      at += run - 1;
      if (next === ' ' || next === '\t') {
        // Backslashes are halved only before a blank; an odd one makes the blank part of the name.
        text += '\\'.repeat(run % 2 === 0 ? run : (run - 1) / 2);
        if (run % 2 === 0) continue;
        text += next;
        at++;
      } else if (next === '#' || (next === ':' && !endsName(line[at + 2]))) {
        text += '\\'.repeat(run - 1) + next;
        at++;
      } else text += '\\'.repeat(run);
    } else if (character === '$' && line[at + 1] === '$') {
      text += '$';
      begun = true;
      at++;
    } else if (character === ' ' || character === '\t') end(false);
    else if (character === '#') break;
    else if (character === ':' && inTargets && endsName(line[at + 1])) {
      // `a.o :` separates the colon from the target.
      if (!begun && words.length > 0) words.at(-1)!.endsTargets = true;
      else end(true);
      inTargets = false;
    } else {
      text += character;
      begun = true;
    }
  }
  end(false);
  return words;
}

function endsName(character: string | undefined): boolean {
  return character === undefined || character === ' ' || character === '\t';
}
