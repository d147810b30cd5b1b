// Which macros of a generated header each object of a build used, as GCC says with `-dU`: those that were expanded, or asked
// for by `#ifdef`. An object that used none of the macros that differ comes out the same.
//
// A macro that is added is another matter: an object that would see it leaves no trace, as `IS_ENABLED(DT_CAT(…, _EXISTS))`.
// So names that are likely to be added are defined as themselves while the objects are asked:
//
//   #define DT_…_IDX_3_VAL_param2 DT_…_IDX_3_VAL_param2
//
// That expands to what it was, and is reported. Only whether it is defined comes out otherwise; an object that asks so is
// asked once more without them, and nothing is known of what would be added to it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { placeIn } from './build-graph.ts';
import { likelyNames, type Macros } from './macros.ts';

/** What is known of one object. */
export interface UsedMacros {
  /** Names that it used. */
  used: ReadonlySet<string>;
  /** Names of which it is known whether it used them. */
  known: ReadonlySet<string>;
}

/** By object, as Ninja names it. */
export type MacroRecords = Map<string, UsedMacros>;

/** Where the questions and answers are, in the build directory. */
const FOLDER = '.glovebox-macros';
const SCRIPT = 'ask.sh';
/** Commands that one shell goes through. */
const BATCH = 8;

interface CompileCommand {
  directory: string;
  command: string;
  output: string;
}

/**
 * Asks the compiler about objects, in rounds: each is a shell script to be run by the caller where the build ran.
 */
export class MacroQuestions {
  readonly #build: string;
  readonly #seen: string;
  readonly #header: Macros;
  readonly #likely: readonly string[];
  readonly #commands: ReadonlyMap<string, CompileCommand>;

  private constructor(build: string, seen: string, header: Macros, commands: Map<string, CompileCommand>) {
    this.#build = build;
    this.#seen = seen;
    this.#header = header;
    this.#likely = likelyNames(header);
    this.#commands = commands;
  }

  /**
   * Undefined when the build does not say how it compiles.
   *
   * @param build the build directory
   * @param seen the same, as the build sees it
   * @param header what the generated header defines
   */
  static of(build: string, seen: string, header: Macros): MacroQuestions | undefined {
    try {
      const listed: unknown = JSON.parse(readFileSync(path.join(build, 'compile_commands.json'), 'utf8'));
      if (!Array.isArray(listed)) return undefined;
      const commands = new Map<string, CompileCommand>();
      for (const { directory, command } of listed as CompileCommand[]) {
        const output = / -o (\S+) -c \S+$/.exec(command)?.[1];
        // A name with a blank or a quotation mark is one that cannot be told from the rest.
        if (output === undefined || /["'\\$`]/.test(output)) continue;
        commands.set(placeIn(seen, output), { directory, command, output });
      }
      return new MacroQuestions(build, seen, header, commands);
    } catch {
      return undefined;
    }
  }

  /**
   * Writes a round of questions. Resolves to the script's name, which takes how many are asked at once; undefined when none
   * of the objects can be asked.
   *
   * @param isLikelyDefined whether names that are likely to be added are defined
   */
  write(objects: readonly string[], isLikelyDefined: boolean): string | undefined {
    const place = path.join(this.#build, FOLDER);
    rmSync(place, { recursive: true, force: true });
    const asked = objects.flatMap(object => this.#commands.get(object) ?? []);
    if (asked.length === 0) return undefined;
    mkdirSync(place);
    const inside = path.posix.join(this.#seen, FOLDER);
    const defined = isLikelyDefined ? this.#likely.map(name => `#define ${name} ${name}\n`) : [];
    writeFileSync(path.join(place, 'likely.h'), defined.join(''));
    for (const [index, { directory, command, output }] of asked.entries()) {
      const source = command.slice(command.lastIndexOf(` -o ${output} -c `) + ` -o ${output} -c `.length);
      const plain = command.slice(0, command.length - ` -o ${output} -c ${source}`.length);
      const answer = quoted(`${inside}/${index}`);
      const lines = [
        `cd ${quoted(directory)} &&`,
        // Words that a launcher adds are none of the compiler's.
        `${plain} -imacros ${quoted(`${inside}/likely.h`)} -E -dU -o ${answer}.i ${source} 2>/dev/null </dev/null &&`,
        `sed -n 's/^#\\(define\\|undef\\) \\([A-Za-z0-9_]*\\).*/\\1 \\2/p' ${answer}.i >${answer}.part && mv ${answer}.part ${answer}.used`,
        `rm -f ${answer}.i`,
      ];
      writeFileSync(path.join(place, `${index}.sh`), `${lines.join('\n')}\n`);
    }
    writeFileSync(path.join(place, 'objects'), asked.map(({ output }) => `${output}\n`).join(''));
    const all = asked.map((_, index) => `${quoted(`${inside}/${index}.sh`)}\n`).join('');
    writeFileSync(path.join(place, 'list'), all);
    const script = `renice -n 19 -p $$ >/dev/null 2>&1
xargs -P "$1" -n ${BATCH} sh -c 'for each; do . "$each"; done' sh <${quoted(`${inside}/list`)}
exit 0
`;
    writeFileSync(path.join(place, SCRIPT), script);
    return path.posix.join(inside, SCRIPT);
  }

  /** Takes the answers of a round, and removes them: by object, the names that were used, and those that were asked for in vain. */
  read(): Map<string, { used: Set<string>; missed: Set<string> }> {
    const place = path.join(this.#build, FOLDER);
    const found = new Map<string, { used: Set<string>; missed: Set<string> }>();
    try {
      const objects = readFileSync(path.join(place, 'objects'), 'utf8').split('\n').slice(0, -1);
      for (const [index, output] of objects.entries()) {
        let text: string;
        try {
          text = readFileSync(path.join(place, `${index}.used`), 'utf8');
        } catch {
          // It was not asked before time was over, or could not answer.
          continue;
        }
        const [used, missed] = [new Set<string>(), new Set<string>()];
        for (const line of text.split('\n')) {
          if (line.startsWith('define ')) used.add(line.slice('define '.length));
          else if (line.startsWith('undef ')) missed.add(line.slice('undef '.length));
        }
        found.set(placeIn(this.#seen, output), { used, missed });
      }
    } catch {
      // Nothing was asked.
    }
    rmSync(place, { recursive: true, force: true });
    return found;
  }

  /** Asks about objects, and resolves to what is known of them; of those that could not be asked nothing is. */
  async ask(objects: readonly string[], run: (script: string) => Promise<boolean>): Promise<MacroRecords> {
    const records: MacroRecords = new Map();
    const defined = new Set(this.#header.keys());
    const likely = new Set(this.#likely);
    const withLikely = new Set([...defined, ...likely]);
    try {
      const first = this.write(objects, true);
      if (first === undefined) return records;
      const isWhole = await run(first);
      const answers = this.read();
      const again: string[] = [];
      for (const [object, { used }] of answers) {
        if ([...used].some(name => likely.has(name))) again.push(object);
        else records.set(object, { used: only(used, defined), known: withLikely });
      }
      const second = isWhole ? this.write(again, false) : undefined;
      if (second === undefined || !(await run(second))) return records;
      for (const [object, { used, missed }] of this.read()) {
        // With the likely names it went another way.
        const differs = [...missed].some(name => likely.has(name));
        const probed = answers.get(object)!.used;
        if (differs) records.set(object, { used: only(used, defined), known: defined });
        else
          records.set(object, { used: only(new Set([...used, ...probed]), withLikely), known: withLikely });
      }
      return records;
    } finally {
      rmSync(path.join(this.#build, FOLDER), { recursive: true, force: true });
    }
  }
}

function only(names: ReadonlySet<string>, among: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter(name => among.has(name)));
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

interface Stored {
  schema: number;
  names: string[];
  /** Each a list of names by their places in `names`. */
  known: number[][];
  objects: [object: string, known: number, used: number[]][];
}

const SCHEMA = 1;

/** Text that {@link parseRecords} reads. */
export function formatRecords(records: MacroRecords): string {
  const indexes = new Map<string, number>();
  const indexOf = (name: string) => {
    const index = indexes.get(name) ?? indexes.size;
    if (index === indexes.size) indexes.set(name, index);
    return index;
  };
  const sets = new Map<ReadonlySet<string>, number>();
  const known: number[][] = [];
  const objects = [...records].map(([object, record]): Stored['objects'][number] => {
    let place = sets.get(record.known);
    if (place === undefined) {
      place = known.push([...record.known].map(indexOf)) - 1;
      sets.set(record.known, place);
    }
    return [object, place, [...record.used].map(indexOf)];
  });
  return JSON.stringify({ schema: SCHEMA, names: [...indexes.keys()], known, objects } satisfies Stored);
}

/** Undefined when the text is none of these. */
export function parseRecords(text: string): MacroRecords | undefined {
  try {
    const { schema, names, known, objects } = JSON.parse(text) as Stored;
    if (schema !== SCHEMA) return undefined;
    const nameAt = (index: number) => {
      const name = names[index];
      if (name === undefined) throw new RangeError('no such name');
      return name;
    };
    const sets = known.map(set => new Set(set.map(nameAt)));
    return new Map(
      objects.map(([object, place, used]) => {
        const set = sets[place];
        if (set === undefined) throw new RangeError('no such set');
        return [object, { used: new Set(used.map(nameAt)), known: set }];
      }),
    );
  } catch {
    return undefined;
  }
}
