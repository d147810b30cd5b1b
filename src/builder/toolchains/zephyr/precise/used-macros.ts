// Used macros: those of a generated header that each object of a build used, reported by GCC with `-dU`: expanded, or tested
// by `#ifdef`. An object that used none of the different macros stays the same.
//
// Added macros need more: an object that would see one leaves no trace today, such as `IS_ENABLED(DT_CAT(…, _EXISTS))`.
// So names that are likely to be added are defined as themselves during the query:
//
//   #define DT_…_IDX_3_VAL_param2 DT_…_IDX_3_VAL_param2
//
// Such a macro expands to the same text and is reported. Only a test whether it is defined has another result: an object
// with such a test is queried again without them, and its use of added macros is unknown.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { placeIn } from './build-graph.ts';
import { likelyNames, type Macros } from './macros.ts';

/** Record of one object. */
export interface UsedMacros {
  /** The names that it used. */
  used: ReadonlySet<string>;
  /** The names whose use is known. */
  known: ReadonlySet<string>;
}

/** By object, with Ninja's name. */
export type MacroRecords = Map<string, UsedMacros>;

/** The directory of queries and answers, in the build directory. */
const FOLDER = '.glovebox-macros';
const SCRIPT = 'ask.sh';
/** Number of commands that one shell runs. */
const BATCH = 8;

interface CompileCommand {
  directory: string;
  command: string;
  output: string;
}

/**
 * Queries the compiler about objects in rounds. Each round is a shell script that the caller runs in the build's
 * environment.
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
   * Undefined if the build's commands are unknown.
   *
   * @param build the build directory
   * @param seen the build's path of it
   * @param header the macros of the generated header
   */
  static of(build: string, seen: string, header: Macros): MacroQuestions | undefined {
    try {
      const listed: unknown = JSON.parse(readFileSync(path.join(build, 'compile_commands.json'), 'utf8'));
      if (!Array.isArray(listed)) return undefined;
      const commands = new Map<string, CompileCommand>();
      for (const { directory, command } of listed as CompileCommand[]) {
        const output = / -o (\S+) -c \S+$/.exec(command)?.[1];
        // A name with a blank or a quotation mark cannot be separated from the rest.
        if (output === undefined || /["'\\$`]/.test(output)) continue;
        commands.set(placeIn(seen, output), { directory, command, output });
      }
      return new MacroQuestions(build, seen, header, commands);
    } catch {
      return undefined;
    }
  }

  /**
   * Writes a round of queries. Resolves to the name of the script, whose argument is the number of concurrent queries;
   * undefined if none of the objects can be queried.
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
        // Words added by a launcher do not belong to the compiler's command.
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

  /** Reads and removes the answers of a round: by object, the names used, and those tested without success. */
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
          // The query was not reached in time, or failed.
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
      // There were no queries.
    }
    rmSync(place, { recursive: true, force: true });
    return found;
  }

  /** Queries objects, and resolves to their records; none for objects that could not be queried. */
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
        // The likely names changed the result of a test.
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
  /** Lists of indexes into `names`. */
  known: number[][];
  objects: [object: string, known: number, used: number[]][];
}

const SCHEMA = 1;

/** The records as text, for {@link parseRecords}. */
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

/** Undefined if the text is not valid. */
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
