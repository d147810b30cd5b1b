// Rules for CMake's errors about missing boards and shields.
import { likelyBoard } from './boards.ts';
import { known, type Rule, suggestion } from './diagnosis.ts';

export const HARDWARE_RULES: readonly Rule[] = [
  {
    pattern: /^No board named '([^']+)' found/,
    find: ([, board = ''], at, lines) => {
      const names = namesBelow(lines, at);
      const renamed = likelyBoard(board, lines, names);
      return known(renamed ?? `There is no board '${board}'.${suggestion(board, names)}`, { word: board });
    },
  },
  {
    pattern: /Board qualifiers `([^`]*)` for board/,
    find: ([, qualifiers = ''], at, lines) => {
      const board = /`([^`/]+)` not found/.exec(lines.slice(at, at + 3).join(' '))?.[1] ?? '';
      const whole = board + qualifiers;
      return known(
        `The board '${board}' has no variant '${qualifiers}'.${suggestion(whole, namesBelow(lines, at))}`,
        {
          word: whole,
        },
      );
    },
  },
  {
    pattern: /^No shield named '([^']+)' found/,
    find: ([, shield = ''], at, lines) =>
      known(`There is no shield '${shield}'.`, {
        word: shield,
        search: { kind: 'shield', shield, listed: namesBelow(lines, at) },
      }),
  },
];

/** The names in the list that CMake prints below a line: one per line, perhaps under headings. */
function namesBelow(lines: readonly string[], at: number): string[] {
  const names: string[] = [];
  for (const line of lines.slice(at + 1, at + 5_000)) {
    if (/^(?:CMake |Run 'west|-- )/.test(line)) break;
    const name = /^\s*([A-Za-z0-9][\w@./-]*)\s*$/.exec(line)?.[1];
    if (name !== undefined) names.push(name);
  }
  return names;
}
